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


def to_current_schema(dashboard: Json) -> Json:
    """Return a dashboard with ids, without nulls and without what the schema does not know."""
    panels = dashboard["panels"]
    all_panels = [each for panel in panels for each in (panel, *(panel.get("panels") or ()))]
    for number, panel in enumerate(all_panels, 1):
        panel["id"] = number
        allowed = _ROW_KEYS if panel["type"] == "row" else _PANEL_KEYS
        for key in [key for key in panel if key not in allowed]:
            del panel[key]
        for key in _OLD_OPTIONS & (panel.get("options") or {}).keys():
            del panel["options"][key]
    current: Json = _without_nulls({key: dashboard[key] for key in _DASHBOARD_KEYS})
    return current


def _without_nulls(value: Any) -> Any:
    """Return JSON data without null members; a threshold's null is its lowest step and stays."""
    if isinstance(value, dict):
        return {
            key: _without_nulls(member)
            for key, member in value.items()
            if member is not None or set(value) == {"color", "value"}
        }
    return [_without_nulls(member) for member in value] if isinstance(value, list) else value
