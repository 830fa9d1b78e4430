"""The names of series that dashboards use, and of them those that a judge publishes."""

import re

from alerts.values import GpuPrice, load
from dashboards.build import dashboards
from tests.dashboards import (
    panel_queries,
    verdicts,
)

# prices are nobody's default, and two panels are about them
PRICES = (GpuPrice(gpu_model="NVIDIA H200", cost=3.5),)
PRICED = load().model_copy(update={"cost_per_gpu_hour": PRICES})
# panels that say so need buckets which this fleet's exporter does not show by itself
SWITCH = "publish.buckets"
_NAME = re.compile(r"(?<![\w:])(?:\w+:)?inferfleet_[\w:]*")
# Judged over hours of traffic that no test waits for; `verdicts.py` writes them out.
JUDGED = set(_NAME.findall(verdicts.page(1e6, 0.0)))


def used() -> set[str]:
    """Return every name a panel, an annotation or a variable asks for."""
    exprs = list[str]()
    for dashboard in dashboards(load()).values():
        exprs += [
            t["expr"] for panel in panel_queries.panels(dashboard) for t in panel.get("targets", ())
        ]
        exprs += [mark["expr"] for mark in dashboard["annotations"]["list"]]
        variables = dashboard["templating"]["list"]
        exprs += [each["query"]["query"] for each in variables if each["type"] == "query"]
    return {name for expr in exprs for name in _NAME.findall(expr)}
