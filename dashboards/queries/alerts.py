"""Queries of the alerts that fire, as Prometheus itself shows them."""

from typing import Final

from .base import CLUSTER_MATCHER, Query

# many alerts are of no model or server: where the label is absent nothing is chosen
_CHOSEN: Final = (
    f'alertname=~"Inferfleet.*",{CLUSTER_MATCHER},model=~"$model|",target=~`${{target:regex}}|`'
)
_LABELS: Final = "cluster, alertname, severity, model, release, target, namespace, workload"
_FIRING: Final = f'ALERTS{{{_CHOSEN},alertstate="firing"}}'
SEVERITIES: Final = ("info", "warning", "critical")
"""By its place, from 1 on, each severity's number: the rows sort by it."""

_BY_SEVERITY: Final = (
    f'{i} * ALERTS{{{_CHOSEN},alertstate="firing",severity="{severity}"}}'
    for i, severity in enumerate(SEVERITIES, 1)
)
SEVERITY: Final = Query(f"max by ({_LABELS}) ({' or '.join(_BY_SEVERITY)})")
SINCE: Final = Query(
    f"time() - min by ({_LABELS}) (ALERTS_FOR_STATE{{{_CHOSEN}}}"
    f" and ignoring (alertstate) {_FIRING})"
)
