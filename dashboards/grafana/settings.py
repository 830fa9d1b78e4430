"""What stands around the panels of a dashboard: its variables, its marks, its links; plain data."""

from typing import Any, Final

from ..queries.base import EXPORTER, WHO
from .variables import Variable

Json = dict[str, Any]

TAG: Final = "inferfleet"
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# refresh on time change: servers and releases come and go
_ON_TIME_CHANGE: Final = 2
# Grafana's number for a query written as text
_PLAIN_QUERY: Final = 5


def template(one: Variable) -> Json:
    """Return a variable as Grafana's dashboards hold it."""
    made: Json = {"name": one.name, "label": one.label, "type": one.kind, "query": one.query}
    current: Json = {"text": one.first, "value": one.first}
    if one.kind == "textbox":
        return made | {"current": current, "options": [{"selected": True, **current}]}
    made |= {"options": [], "regex": "", "refresh": 1, "includeAll": False, "multi": False}
    if one.kind == "datasource":
        return made
    made |= {
        "datasource": SOURCE,
        "query": {"qryType": _PLAIN_QUERY, "query": one.query, "refId": "variable"},
        "refresh": _ON_TIME_CHANGE,
        "sort": 1,
    }
    if one.many:
        everything = {"text": ["All"], "value": ["$__all"]}
        made |= {
            "includeAll": True,
            "multi": True,
            "allValue": one.everything,
            "current": everything,
        }
    return made


def release_changes() -> Json:
    """Return the annotation of every upgrade, from the data itself: a release new on a server."""
    info = 'inferfleet_server_info{job=~"$job",instance=~"$instance"}'
    new = (
        f"count by (model, release) ({info} unless on ({WHO}, release) "
        f"last_over_time({info}[1h] offset 1m) and on ({WHO}) "
        f"last_over_time(inferfleet_target_up{{{EXPORTER}}}[5m] offset 10m))"
    )
    return {
        "name": "Releases",
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "datasource": SOURCE,
        "expr": new,
        "step": "60s",
        "titleFormat": "{{release}}",
        "textFormat": "{{model}}: servers came up with a release they did not run before",
        "tagKeys": "release,model",
    }


def siblings() -> Json:
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
