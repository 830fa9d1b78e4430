"""Panels and dashboards as Grafana 10.4 to 13 reads them; the only file that knows grafanalib.

grafanalib 0.7.1 writes schema version 12 and old shapes of some panels. What it lacks is added
here, and `finished` leaves only what Grafana's current schema knows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from ..queries.base import Query
from .schema import finished
from .settings import SOURCE, TAG, release_changes, siblings, template
from .style import BLUE, GREEN, GREY, Column, Steps, looks, steps_of, values
from .variables import Variable

Json = dict[str, Any]
Panel = core.Panel

SCHEMA_VERSION: Final = 42
_COLUMNS: Final = 24
_LAST_MEAN_MAX: Final = ["lastNotNull", "mean", "max"]


def _targets(queries: Sequence[Query], **extra: object) -> list[Json]:
    return [
        {
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "range": True,
            "refId": _letters(i),
            **extra,
        }
        for i, query in enumerate(queries)
    ]


def _letters(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else _letters(i // 26 - 1) + _letters(i % 26)


def _panel(
    kind: type[core.Panel],
    title: str,
    what: str,
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
        description=what,
        dataSource=SOURCE,
        gridPos=core.GridPos(h, w, 0, 0),
        targets=targets,
        maxDataPoints=None,
        extraJson={
            "options": options,
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        },
        **settings,
    )


def timeseries(
    title: str,
    what: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (12, 8),
    stacked: bool = False,
    bars: bool = False,
    low: float | None = 0,
    high: float | None = None,
    soft: float | None = None,
    soft_low: float | None = None,
    decimals: int | None = None,
    steps: Steps = (),
    overrides: Sequence[Json] = (),
    legend: str = "table",
    links: Sequence[Json] = (),
) -> core.Panel:
    """Return lines over time; `steps` are thresholds drawn as lines.

    `low` and `high` are the axis' ends, the soft ones give way to values beyond them. A `legend`
    that is a list shows the last value only.
    """
    custom = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if bars else 30 if stacked else 0,
        "lineWidth": 0 if bars else 1,
        "showPoints": "never",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        "axisSoftMax": soft,
        "axisSoftMin": soft_low,
    }
    defaults: Json = {
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "unit": unit,
        "min": low,
        "max": high,
        "decimals": decimals,
        "links": list(links),
        "thresholds": {"mode": "absolute", "steps": steps_of(steps or ((GREEN, None),))},
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
        core.TimeSeries, title, what, size, _targets(queries), defaults, options, overrides
    )


def stat(
    title: str,
    what: str,
    *queries: Query,
    unit: str = "none",
    size: tuple[int, int] = (3, 4),
    steps: Steps = ((BLUE, None),),
    text: str = "value",
    graph: bool = False,
    filled: bool = False,
    decimals: int | None = None,
    nothing: str = "no data",
    mappings: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    links: Sequence[Json] = (),
) -> core.Panel:
    """Return the newest value, large; `text` shows the series' name instead or beside it."""
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "unit": unit,
        "decimals": decimals,
        "mappings": list(mappings),
        "noValue": nothing,
        "links": list(links),
        "thresholds": {"mode": "absolute", "steps": steps_of(steps)},
    }
    options = {
        "colorMode": "background" if filled else "value",
        "graphMode": "area" if graph else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": text,
        "wideLayout": True,
    }
    asked = _targets(queries) if graph else _targets(queries, instant=True, range=False)
    return _panel(core.Stat, title, what, size, asked, defaults, options, overrides)


def bargauge(
    title: str,
    what: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (8, 8),
    steps: Steps = ((BLUE, None),),
    low: float | None = 0,
    high: float | None = None,
    decimals: int | None = None,
    nothing: str = "no data",
) -> core.Panel:
    """Return a bar for each series' newest value."""
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "unit": unit,
        "min": low,
        "max": high,
        "decimals": decimals,
        "noValue": nothing,
        "thresholds": {"mode": "absolute", "steps": steps_of(steps)},
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
        what,
        size,
        _targets(queries, instant=True, range=False),
        defaults,
        options,
    )


def heatmap(
    title: str, what: str, query: Query, unit: str, size: tuple[int, int] = (8, 8)
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
        core.Heatmap, title, what, size, _targets([query], format="heatmap"), defaults, options
    )


def states(
    title: str,
    what: str,
    *queries: Query,
    names: Mapping[float, tuple[str, str]],
    size: tuple[int, int] = (12, 8),
    nothing: str = "no data",
) -> core.Panel:
    """Return a band for each series; `names` gives each value's text and colour."""
    defaults = {
        "color": {"mode": "thresholds"},
        "custom": {"fillOpacity": 80, "lineWidth": 0},
        "noValue": nothing,
        "mappings": [values(names)],
        "thresholds": {"mode": "absolute", "steps": steps_of(((GREY, None),))},
    }
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel(core.StateTimeline, title, what, size, _targets(queries), defaults, options)


def table(
    title: str,
    what: str,
    *columns: Column,
    size: tuple[int, int] = (24, 10),
    worst: tuple[str, bool] | None = None,
) -> core.Panel:
    """Return a table: the columns' queries are merged on the labels they share.

    `worst` names the column that orders the rows, and whether the largest comes first.
    """
    asked = [column for column in columns if column.query]
    rename, order, overrides = dict[str, str](), dict[str, int](), list[Json]()
    for place, column in enumerate(columns):
        name = column.label
        if column.query and not name:
            name = "Value" if len(asked) == 1 else f"Value #{_letters(asked.index(column))}"
        rename[name], order[name] = column.title, place
        if column.settings:
            overrides.append(looks(column.title, **column.settings))
    queries = [column.query for column in asked if column.query]
    panel = _panel(
        core.Table,
        title,
        what,
        size,
        _targets(queries, format="table", instant=True, range=False),
        {
            "custom": {
                "align": "auto",
                "cellOptions": {"type": "auto"},
                "displayMode": None,
                "filterable": True,
                "minWidth": 70,
            },
            "thresholds": {"mode": "absolute", "steps": steps_of(((GREY, None),))},
            "unit": None,
        },
        {
            "cellHeight": "sm",
            "showHeader": True,
        },
        overrides,
    )
    panel.transformations = [
        {"id": "merge", "options": {}},
        {
            "id": "filterFieldsByName",
            "options": {"include": {"names": list(rename)}},
        },
        {"id": "organize", "options": {"indexByName": order, "renameByName": rename}},
        *_converted([column.title for column in columns if column.numeric]),
        *_sorted(worst),
    ]
    return panel


def _converted(titles: Sequence[str]) -> list[Json]:
    """Return what turns labels that are numbers into numbers, so that they sort as such."""
    asked = [{"targetField": title, "destinationType": "number"} for title in titles]
    return [{"id": "convertFieldType", "options": {"conversions": asked}}] if asked else []


def _sorted(worst: tuple[str, bool] | None) -> list[Json]:
    asked = [{"field": worst[0], "desc": worst[1]}] if worst else []
    return [{"id": "sortBy", "options": {"sort": asked}}] if asked else []


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
    """A titled row of panels, placed left to right; `folded` ones are opened by hand."""

    title: str
    panels: Sequence[core.Panel]
    folded: bool = False


def dashboard(
    uid: str,
    title: str,
    what: str,
    variables: Sequence[Variable],
    rows: Sequence[Row],
    span: str = "now-6h",
) -> Json:
    """Return a whole dashboard as JSON data."""
    panels, y = list[core.Panel](), 0
    for row in rows:
        placed = _placed(row.panels, y + 1)
        end = max(panel.gridPos.y + panel.gridPos.h for panel in placed)
        panels.append(
            core.RowPanel(
                title=row.title,
                gridPos=core.GridPos(1, _COLUMNS, 0, y),
                collapsed=row.folded,
                panels=placed if row.folded else [],
            )
        )
        panels += [] if row.folded else placed
        y = y + 1 if row.folded else end
    made = core.Dashboard(
        title=f"inferfleet / {title}",
        uid=uid,
        description=what,
        tags=[TAG],
        editable=False,
        schemaVersion=SCHEMA_VERSION,
        sharedCrosshair=True,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        refresh="1m",
        timezone="browser",
        time=core.Time(span, "now"),
        templating=core.Templating([template(one) for one in variables]),
        annotations=core.Annotations([release_changes()]),
        links=[siblings()],
        panels=panels,
    )
    return finished(json.loads(json.dumps(made.to_json_data(), cls=DashboardEncoder)))


def _placed(panels: Sequence[core.Panel], top: int) -> list[core.Panel]:
    x, y, below = 0, top, top
    placed = []
    for panel in panels:
        w, h = panel.gridPos.w, panel.gridPos.h
        if x + w > _COLUMNS:
            x, y = 0, below
        panel.gridPos = core.GridPos(h, w, x, y)
        x, below = x + w, max(below, y + h)
        placed.append(panel)
    return placed
