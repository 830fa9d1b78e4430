"""A dashboard's settings beside its panels: variables, annotations and links; plain data."""

from typing import Any, Final

from ..queries.base import EXPORTER_MATCHERS, SERVER_LABELS
from .variables import Variable

Json = dict[str, Any]

TAG: Final = "inferfleet"
DATASOURCE_REFERENCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# refresh on time change: servers and releases come and go
_REFRESH_ON_TIME_CHANGE: Final = 2
# Grafana's number for a query written as text
_TEXT_QUERY: Final = 5


def variable_json(variable: Variable) -> Json:
    """Return a variable as Grafana's dashboards hold it."""
    template: Json = {
        "name": variable.name,
        "label": variable.label,
        "type": variable.kind,
        "query": variable.query,
    }
    value: Json = {"text": variable.default, "value": variable.default}
    if variable.kind == "textbox":
        return template | {"current": value, "options": [{"selected": True, **value}]}
    template |= {"options": [], "regex": "", "refresh": 1, "includeAll": False, "multi": False}
    if variable.kind == "datasource":
        return template
    template |= {
        "datasource": DATASOURCE_REFERENCE,
        "query": {"qryType": _TEXT_QUERY, "query": variable.query, "refId": "variable"},
        "refresh": _REFRESH_ON_TIME_CHANGE,
        "sort": 1,
    }
    if variable.multi:
        template |= {
            "includeAll": True,
            "multi": True,
            "allValue": variable.all_value,
            "current": {"text": ["All"], "value": ["$__all"]},
        }
    return template


def release_annotation() -> Json:
    """Return the annotation of every upgrade, from the data itself: a release new on a server."""
    info = 'inferfleet_server_info{job=~"$job",instance=~"$instance"}'
    expr = (
        f"count by (model, release) ({info} unless on ({SERVER_LABELS}, release) "
        f"last_over_time({info}[1h] offset 1m) and on ({SERVER_LABELS}) "
        f"last_over_time(inferfleet_target_up{{{EXPORTER_MATCHERS}}}[5m] offset 10m))"
    )
    return {
        "name": "Releases",
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "datasource": DATASOURCE_REFERENCE,
        "expr": expr,
        "step": "60s",
        "titleFormat": "{{release}}",
        "textFormat": "{{model}}: servers came up with a release they did not run before",
        "tagKeys": "release,model",
    }


def dashboard_links() -> Json:
    """Return the menu of all our dashboards, which carries time and variables over."""
    return {
        "title": "Dashboards",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
