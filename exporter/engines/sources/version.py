"""`GET /version` of vLLM: the release, outside every API-key guard."""

from .facts import Finding, claims, table, word

PATH = "/version"


def read(body: object) -> Finding:
    """Read the decoded answer; the Rust front end adds a version of its own."""
    answer = table(body)
    return Finding(
        "version",
        claims(
            version=word(answer.get("version")),
            rust_frontend=word(answer.get("rust_frontend_version")),
        ),
    )
