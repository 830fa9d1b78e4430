"""`GET /v1/models` of either engine: the served name, the model's root and its longest context."""

from .facts import Finding, base_name, claims, items, model_name, table, whole
from .settings import tell

PATH = "/v1/models"


def read(body: object, served: str | None = None) -> Finding:
    """Read the decoded answer; of several names for one model `served` is taken where listed.

    Adapters stand in the list with a parent; they are no model of their own.
    """
    entries = [one for one in items(table(body).get("data")) if not one.get("parent")]
    chosen = next((one for one in entries if one.get("id") == served), None)
    if chosen is None and entries:
        chosen = entries[0]
    if chosen is None:
        return Finding("models", {})
    return Finding(
        "models",
        claims(
            model=model_name(chosen.get("id")),
            max_model_len=whole(chosen.get("max_model_len")),
        ),
        tell({"model_root": base_name(chosen.get("root"))}),
    )
