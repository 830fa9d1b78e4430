"""Queries of the alerts that fire, as Prometheus itself shows them."""

from typing import Final

from .base import CLUSTER_MATCHER, Query

# many alerts are of no model or server: where the label is absent nothing is chosen
_CHOSEN: Final = (
    f'alertname=~"Inferfleet.*",{CLUSTER_MATCHER},model=~"$model|",target=~`${{target:regex}}|`'
)
_LABELS: Final = "cluster, alertname, severity, model, release, target, namespace, workload"
FIRING: Final = Query(f'count by ({_LABELS}) (ALERTS{{{_CHOSEN},alertstate="firing"}})', "firing")
SINCE: Final = Query(
    f"time() - min by ({_LABELS}) (ALERTS_FOR_STATE{{{_CHOSEN}}}"
    f' and ignoring (alertstate) ALERTS{{{_CHOSEN},alertstate="firing"}})'
)
