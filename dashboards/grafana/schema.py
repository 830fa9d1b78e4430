"""The last step to a dashboard: ids come in, what Grafana's schema does not know goes out.

grafanalib writes schema version 12, with keys and panel options that newer Grafanas dropped.
"""

from typing import Any, Final

Json = dict[str, Any]

_PANEL_KEYS: Final = (
    "id",
    "type",
    "title",
    "description",
    "gridPos",
    "datasource",
    "targets",
    "fieldConfig",
    "options",
    "transformations",
)
_ROW_KEYS: Final = ("id", "type", "title", "gridPos", "collapsed", "panels")
_OLD_OPTIONS: Final = {"fieldOptions", "showThresholdLabels", "showThresholdMarkers"}
_DASHBOARD_KEYS: Final = (
    "uid",
    "title",
    "description",
    "tags",
    "editable",
    "schemaVersion",
    "graphTooltip",
    "refresh",
    "timezone",
    "time",
    "templating",
    "annotations",
    "links",
    "panels",
)


def finished(made: Json) -> Json:
    """Return a dashboard with ids, without nulls and without what the schema does not know."""
    panels = made["panels"]
    everyone = [one for panel in panels for one in (panel, *(panel.get("panels") or ()))]
    for number, panel in enumerate(everyone, 1):
        panel["id"] = number
        known = _ROW_KEYS if panel["type"] == "row" else _PANEL_KEYS
        for key in [key for key in panel if key not in known]:
            del panel[key]
        for key in _OLD_OPTIONS & (panel.get("options") or {}).keys():
            del panel["options"][key]
    clean: Json = _without_nulls({key: made[key] for key in _DASHBOARD_KEYS})
    return clean


def _without_nulls(value: Any) -> Any:
    """Return JSON data without null members; a threshold's null is its lowest step and stays."""
    if isinstance(value, dict):
        return {
            key: _without_nulls(one)
            for key, one in value.items()
            if one is not None or set(value) == {"color", "value"}
        }
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
