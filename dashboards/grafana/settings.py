"""A dashboard's settings beside its panels: variables, annotations and links; plain data."""

from functools import partial
from typing import Any, Final

from ..queries.base import EXPORTER_MATCHERS, SERVER_MATCHERS, by_workload
from .variables import Variable

Json = dict[str, Any]

TAG: Final = "inferfleet"
DATASOURCE_REFERENCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# refresh on time change: servers and releases come and go
_REFRESH_ON_TIME_CHANGE: Final = 2
_ASCENDING, _DESCENDING = 1, 2
_WORKLOAD: Final = "cluster, namespace, workload, model"
"""What an upgrade is of, beside the release; the workload is the target where it is unknown."""

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
        "sort": _DESCENDING if variable.descending else _ASCENDING,
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
    """Return the annotation of every upgrade, from the data itself: a release new in a workload.

    A workload is marked where a release appears that it did not run in the last hours, while it ran
    another; and where one comes back that it had given up for another, newer one: a rollback. Pods
    that are new, renamed or restarted with a release that their workload runs are no upgrade, nor
    is a workload that is new. Marked are the workloads of the servers chosen, whichever of their
    pods was the first.
    """
    release, workload = f"{_WORKLOAD}, release", _WORKLOAD
    now = f"group by ({release}) ({by_workload(_known_release, 'model, release')})"
    hours, before, minutes, earlier = (
        by_workload(partial(_ran, *time), "model, release")
        for time in (("6h", "1m"), ("6h", "10m"), ("5m", "1m"), ("5m", "6h"))
    )
    appeared = f"{now} unless on ({release}) ({hours}) and on ({workload}) ({before})"
    newer = f"{minutes} unless on ({release}) ({earlier})"
    returned = f"{now} unless on ({release}) ({minutes}) and on ({workload}) ({newer})"
    chosen = f"group by ({workload}) ({by_workload(_chosen, 'model')})"
    return {
        "name": "Releases",
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "datasource": DATASOURCE_REFERENCE,
        "expr": f"(({appeared}) or ({returned})) and on ({workload}) {chosen}",
        "step": "60s",
        "titleFormat": "{{release}}",
        "textFormat": "{{model}}: {{namespace}} {{workload}} {{cluster}} runs a release that it "
        "did not run before",
        "tagKeys": "release,model,workload,cluster",
    }


def _known_release(matcher: str) -> str:
    return f'inferfleet_server_info{{{EXPORTER_MATCHERS},model=~"$model",release!="",{matcher}}}'


def _chosen(matcher: str) -> str:
    info = f'inferfleet_server_info{{{SERVER_MATCHERS},model=~"$model",{matcher}}}'
    return f"last_over_time({info}[$__range] @ end())"


def _ran(window: str, offset: str, matcher: str) -> str:
    return f"last_over_time({_known_release(matcher)}[{window}] offset {offset})"


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
