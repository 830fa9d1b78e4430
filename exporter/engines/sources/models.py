"""`GET /v1/models` of any engine: the served name, the model's root and its longest context."""

from .facts import SourceReport, base_name, items, known_values, model_name, positive_count, table
from .settings import public_settings

PATH = "/v1/models"


def read(body: object, served: str | None = None) -> SourceReport:
    """Read the decoded answer; of several names for one model `served` is taken where listed.

    Adapters stand in the list with a parent; they are no model of their own.
    """
    entries = [entry for entry in items(table(body).get("data")) if not entry.get("parent")]
    chosen = next((entry for entry in entries if entry.get("id") == served), None)
    if chosen is None and entries:
        chosen = entries[0]
    if chosen is None:
        return SourceReport("models", {})
    return SourceReport(
        "models",
        known_values(
            model=model_name(chosen.get("id")),
            max_model_len=positive_count(chosen.get("max_model_len")),
        ),
        public_settings({"model_root": base_name(chosen.get("root"))}),
    )
