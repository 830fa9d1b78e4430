"""The dashboards as they are shipped, and each of their panels."""

from collections.abc import Iterator
from typing import Any

from alerts.values import load
from dashboards.build import dashboards
from tests.dashboards.panel_queries import panels

Json = dict[str, Any]
ALL = dashboards(load())


def each_panel() -> Iterator[tuple[str, Json]]:
    for name, dashboard in ALL.items():
        for panel in panels(dashboard):
            yield name, panel


def variables(dashboard: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}
