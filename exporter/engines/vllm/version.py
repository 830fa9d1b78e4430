"""`GET /version` of vLLM: the release, outside every API-key guard."""

from ..sources.facts import SourceReport, known_values, table, word

PATH = "/version"


def read(body: object) -> SourceReport:
    """Read the decoded answer; the Rust front end adds a version of its own."""
    answer = table(body)
    version = word(answer.get("version"))
    rust = word(answer.get("rust_frontend_version"))
    return SourceReport(
        "version",
        known_values(
            version=version,
            rust_frontend=rust,
            front_end="rust" if rust else "python" if version else None,
        ),
    )
