"""Panels and dashboards as Grafana 10.4 to 13 reads them; the only file that knows grafanalib.

grafanalib 0.7.1 writes schema version 12 and old shapes of some panels. What it lacks is added
here, and `to_current_schema` leaves only what Grafana's current schema knows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from ..queries.base import Query
from .columns import Column, column_overrides, column_queries, transformations
from .grid import COLUMNS, positions
from .schema import to_current_schema
from .settings import DATASOURCE_REFERENCE, TAG, dashboard_links, release_annotation, variable_json
from .style import BLUE, GREEN, GREY, Thresholds, absolute_thresholds, value_mapping
from .targets import instant_targets, targets
from .variables import Variable

Json = dict[str, Any]
Panel = core.Panel

SCHEMA_VERSION: Final = 42
_LAST_MEAN_MAX: Final = ["lastNotNull", "mean", "max"]


def _panel(
    kind: type[core.Panel],
    title: str,
    description: str,
    size: tuple[int, int],
    targets: list[Json],
    defaults: Json,
    options: Json,
    overrides: Sequence[Json] = (),
    **settings: object,
) -> core.Panel:
    w, h = size
    return kind(
        title=title,
        description=description,
        dataSource=DATASOURCE_REFERENCE,
        gridPos=core.GridPos(h, w, 0, 0),
        targets=targets,
        maxDataPoints=None,
        extraJson={
            "options": options,
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        },
        **settings,
    )


def time_series(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (12, 8),
    stacked: bool = False,
    bars: bool = False,
    minimum: float | None = 0,
    maximum: float | None = None,
    soft_maximum: float | None = None,
    soft_minimum: float | None = None,
    decimals: int | None = None,
    thresholds: Thresholds = (),
    overrides: Sequence[Json] = (),
    legend: str = "table",
    links: Sequence[Json] = (),
    no_value: str | None = None,
) -> core.Panel:
    """Return lines over time; `thresholds` are dashed lines.

    `minimum` and `maximum` are the axis' ends, the soft ones give way to values beyond them. A
    `legend` that is a list shows the last value only.
    """
    custom = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if bars else 30 if stacked else 0,
        "lineWidth": 0 if bars else 1,
        "showPoints": "never",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
        "axisSoftMax": soft_maximum,
        "axisSoftMin": soft_minimum,
    }
    defaults: Json = {
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "unit": unit,
        "min": minimum,
        "max": maximum,
        "decimals": decimals,
        "noValue": no_value,
        "links": list(links),
        "thresholds": absolute_thresholds(thresholds or ((GREEN, None),)),
    }
    options = {
        "legend": {
            "calcs": _LAST_MEAN_MAX if legend == "table" else _LAST_MEAN_MAX[:1],
            "displayMode": legend,
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel(
        core.TimeSeries, title, description, size, targets(queries), defaults, options, overrides
    )


def stat(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "none",
    size: tuple[int, int] = (3, 4),
    thresholds: Thresholds = ((BLUE, None),),
    text_mode: str = "value",
    sparkline: bool = False,
    background: bool = False,
    decimals: int | None = None,
    no_value: str = "no data",
    mappings: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    links: Sequence[Json] = (),
) -> core.Panel:
    """Return the newest value, large; `text_mode` shows the series' name instead or beside it."""
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "unit": unit,
        "decimals": decimals,
        "mappings": list(mappings),
        "noValue": no_value,
        "links": list(links),
        "thresholds": absolute_thresholds(thresholds),
    }
    options = {
        "colorMode": "background" if background else "value",
        "graphMode": "area" if sparkline else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": text_mode,
        "wideLayout": True,
    }
    data = targets(queries) if sparkline else instant_targets(queries)
    return _panel(core.Stat, title, description, size, data, defaults, options, overrides)


def bar_gauge(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (8, 8),
    thresholds: Thresholds = ((BLUE, None),),
    minimum: float | None = 0,
    maximum: float | None = None,
    decimals: int | None = None,
    no_value: str = "no data",
) -> core.Panel:
    """Return a bar for each series' newest value."""
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "unit": unit,
        "min": minimum,
        "max": maximum,
        "decimals": decimals,
        "noValue": no_value,
        "thresholds": absolute_thresholds(thresholds),
    }
    options = {
        "displayMode": "basic",
        "maxVizHeight": 40,
        "minVizHeight": 12,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return _panel(
        core.BarGauge,
        title,
        description,
        size,
        instant_targets(queries),
        defaults,
        options,
    )


def heatmap(
    title: str, description: str, query: Query, unit: str, size: tuple[int, int] = (8, 8)
) -> core.Panel:
    """Return a histogram over time, in the engine's own buckets."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    defaults = {"custom": {"scaleDistribution": {"type": "linear"}}}
    return _panel(
        core.Heatmap,
        title,
        description,
        size,
        targets([query], format="heatmap"),
        defaults,
        options,
    )


def state_timeline(
    title: str,
    description: str,
    *queries: Query,
    states: Mapping[float, tuple[str, str]],
    size: tuple[int, int] = (12, 8),
    no_value: str = "no data",
) -> core.Panel:
    """Return a band for each series; `states` gives each value's text and colour."""
    defaults = {
        "color": {"mode": "thresholds"},
        "custom": {"fillOpacity": 80, "lineWidth": 0},
        "noValue": no_value,
        "mappings": [value_mapping(states)],
        "thresholds": absolute_thresholds(((GREY, None),)),
    }
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel(core.StateTimeline, title, description, size, targets(queries), defaults, options)


def table(
    title: str,
    description: str,
    *columns: Column,
    size: tuple[int, int] = (24, 10),
    sort_by: tuple[str, bool] | None = None,
) -> core.Panel:
    """Return a table: the columns' queries are merged on the labels they share.

    `sort_by` names the column that orders the rows, and whether the largest comes first.
    """
    panel = _panel(
        core.Table,
        title,
        description,
        size,
        instant_targets(column_queries(columns), format="table"),
        {
            "custom": {
                "align": "auto",
                "cellOptions": {"type": "auto"},
                "displayMode": None,
                "filterable": True,
                "minWidth": 70,
            },
            "thresholds": absolute_thresholds(((GREY, None),)),
            "unit": None,
        },
        {
            "cellHeight": "sm",
            "showHeader": True,
        },
        column_overrides(columns),
    )
    panel.transformations = transformations(columns, sort_by)
    return panel


class _AlertList(core.Panel):  # type: ignore[misc]
    """The library's own writes what Grafana 7 knew."""

    def to_json_data(self) -> Json:
        data: Json = self.panel_json({"type": "alertlist"})
        return data


def alert_list(title: str, description: str, name: str, size: tuple[int, int]) -> core.Panel:
    """Return Grafana's list of alerts that are pending or firing, of rules whose name holds one."""
    options = {
        "alertName": name,
        "dashboardAlerts": False,
        "groupMode": "default",
        "groupBy": [],
        "maxItems": 30,
        "showInstances": False,
        "sortOrder": 3,
        "stateFilter": {
            "error": True,
            "firing": True,
            "noData": False,
            "normal": False,
            "pending": True,
        },
        "viewMode": "list",
    }
    return _panel(_AlertList, title, description, size, [], {}, options)


def text(title: str, content: str, size: tuple[int, int] = (24, 6)) -> core.Panel:
    """Return a panel of Markdown."""
    return core.Text(
        title=title,
        content=content,
        gridPos=core.GridPos(size[1], size[0], 0, 0),
        extraJson={"fieldConfig": {"defaults": {}, "overrides": []}},
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of panels, placed left to right; `collapsed` ones are opened by hand."""

    title: str
    panels: Sequence[core.Panel]
    collapsed: bool = False


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Variable],
    rows: Sequence[Row],
    time_from: str = "now-6h",
) -> Json:
    """Return a whole dashboard as JSON data."""
    panels, y = list[core.Panel](), 0
    for row in rows:
        row_panels = _positioned(row.panels, y + 1)
        end = max(panel.gridPos.y + panel.gridPos.h for panel in row_panels)
        panels.append(
            core.RowPanel(
                title=row.title,
                gridPos=core.GridPos(1, COLUMNS, 0, y),
                collapsed=row.collapsed,
                panels=row_panels if row.collapsed else [],
            )
        )
        panels += [] if row.collapsed else row_panels
        y = y + 1 if row.collapsed else end
    board = core.Dashboard(
        title=f"inferfleet / {title}",
        uid=uid,
        description=description,
        tags=[TAG],
        editable=False,
        schemaVersion=SCHEMA_VERSION,
        sharedCrosshair=True,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        refresh="1m",
        timezone="browser",
        time=core.Time(time_from, "now"),
        templating=core.Templating([variable_json(variable) for variable in variables]),
        annotations=core.Annotations([release_annotation()]),
        links=[dashboard_links()],
        panels=panels,
    )
    return to_current_schema(json.loads(json.dumps(board.to_json_data(), cls=DashboardEncoder)))


def _positioned(panels: Sequence[core.Panel], top: int) -> list[core.Panel]:
    sizes = [(panel.gridPos.w, panel.gridPos.h) for panel in panels]
    for panel, (x, y) in zip(panels, positions(sizes, top), strict=True):
        panel.gridPos = core.GridPos(panel.gridPos.h, panel.gridPos.w, x, y)
    return list(panels)
