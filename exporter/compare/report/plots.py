"""The report's plots as SVG text, readable on light and on dark paper.

Text and axes take the page's own colour (`currentColor`); the two sides keep two colours that stand
out on both. Nothing here computes what it shows.
"""

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from ..assess.result import Comparison, CurvePoint, RangeEffect
from ..assess.wording import side_names, throughput_name

OLD: Final = "#8a8f98"
NEW: Final = "#2f81f7"
GOOD: Final = "#2da44e"
BAD: Final = "#e5534b"
UNSURE: Final = "#c69026"
_INK: Final = "#010203"
_MIN_TOKEN_SHARE: Final = 0.01
_MIN_TIME_SHARE: Final = 0.001
_MIN_LIMIT_PERCENT: Final = 40.0
_SIZE: Final = (6.6, 3.1)


def effect_by_batch(comparison: Comparison) -> str:
    """Draw the effect in each batch cell with its interval."""
    decode = comparison.measures[0]
    cells = [
        c
        for c in decode.cells
        if (c.estimate or c.observed_ratio) and c.token_share >= _MIN_TOKEN_SHARE
    ]
    if not cells:
        return ""

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=_INK, linewidth=0.8)
        for cell in cells:
            _interval(axes, (cell.high * max(cell.low, cell.high / 2)) ** 0.5, cell)
        # an interval that says nothing would press all others flat
        changes = [abs(100 * (_ratio(cell) - 1)) for cell in cells]
        limit = max(_MIN_LIMIT_PERCENT, 1.2 * max(changes))
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -limit), min(high, limit))
        axes.set_ylabel("change of decode speed, %")
        _batch_axis(axes)

    return _svg("effect", draw)


def _ratio(cell: RangeEffect) -> float:
    return cell.estimate.ratio if cell.estimate else cell.observed_ratio or 1.0


def _interval(axes: Axes, x: float, cell: RangeEffect) -> None:
    estimate = cell.estimate
    ratio = _ratio(cell)
    color = {"regression": BAD, "improvement": GOOD, "equivalent": GOOD}.get(cell.verdict, UNSURE)
    change = 100 * (ratio - 1)
    if estimate:
        error = [[100 * (ratio - estimate.lower)], [100 * (estimate.upper - ratio)]]
        axes.errorbar([x], [change], yerr=error, color=color, capsize=2.5, linewidth=1.4)
    axes.plot([x], [change], marker="o", color=color, markersize=3 + 9 * cell.token_share**0.5)


def load_distribution(comparison: Comparison) -> str:
    """Draw how much of its time each side spent at each decode batch."""

    def draw(axes: Axes) -> None:
        for curve, color, name in _sides(comparison):
            axes.plot(
                [point.batch for point in curve],
                [100 * point.time_share for point in curve],
                marker="o",
                markersize=3.5,
                color=color,
                label=name,
            )
        axes.set_ylabel("share of time, %")
        axes.set_ylim(bottom=0)
        _batch_axis(axes)
        _legend(axes)

    return _svg("load", draw)


def rate_by_batch(comparison: Comparison) -> str:
    """Draw tokens per second (for each GPU where known) over the decode batch of both sides.

    As observed: prefill share and context may differ between the sides.
    """
    sides = _sides(comparison)
    per_gpu = all(p.tokens_per_second_per_gpu for curve, _, _ in sides for p in curve)

    def draw(axes: Axes) -> None:
        for curve, color, name in sides:
            rates = [
                (p.tokens_per_second_per_gpu if per_gpu else p.tokens_per_second) for p in curve
            ]
            axes.plot(
                [point.batch for point in curve],
                [rate or 0.0 for rate in rates],
                marker="o",
                markersize=3.5,
                color=color,
                label=name,
            )
        axes.set_ylabel("decoded tokens/s" + (" per GPU" if per_gpu else ""))
        axes.set_ylim(bottom=0)
        _batch_axis(axes)
        _legend(axes)

    return _svg("rate", draw)


def timeline(comparison: Comparison) -> str:
    """Draw each side's speed at equal load over time, and when the candidate began."""
    points = comparison.timeline
    if len(points) < 2:
        return ""
    clock = points[-1].time > 86_400 * 365

    def position(time: float) -> datetime | float:
        return datetime.fromtimestamp(time, UTC) if clock else time / 60.0

    def draw(axes: Axes) -> None:
        old, new = side_names(comparison)
        for values, color, name in (
            ([p.baseline for p in points], OLD, old),
            ([p.candidate for p in points], NEW, new),
        ):
            known = [
                (position(p.time), 100 * value)
                for p, value in zip(points, values, strict=True)
                if value is not None
            ]
            axes.plot(
                [x for x, _ in known],  # type: ignore[arg-type]
                [y for _, y in known],
                marker=".",
                color=color,
                label=name,
            )
        axes.axhline(0, color=_INK, linewidth=0.8)
        if comparison.candidate_start is not None:
            start = position(comparison.candidate_start)
            axes.axvline(start, color=_INK, linewidth=0.8, linestyle="--")  # type: ignore[arg-type]
        axes.set_ylabel("speed at equal load, %")
        if clock:
            locator = AutoDateLocator()  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        else:
            axes.set_xlabel("minutes")
        _legend(axes)

    return _svg("timeline", draw)


def naive_beside_matched(comparison: Comparison) -> str:
    """Draw what is compared by hand beside the effect at equal load."""
    decode = comparison.measures[0]
    ratio = decode.estimate.ratio if decode.estimate else decode.observed_ratio
    rows: list[tuple[str, float, tuple[float, float] | None, str]] = []
    if comparison.naive_throughput is not None:
        name = f"{throughput_name(comparison)},\nany load"
        rows.append((name, comparison.naive_throughput, None, OLD))
    if comparison.naive_inter_token_latency is not None:
        rows.append(
            ("inter-token speed,\nany load", comparison.naive_inter_token_latency, None, OLD)
        )
    if ratio is not None:
        estimate = decode.estimate
        interval = (estimate.lower, estimate.upper) if estimate else None
        rows.append(("decode speed at\nequal load", ratio, interval, NEW))
    if not rows:
        return ""

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=_INK, linewidth=0.8)
        for y, (_, value, interval, color) in enumerate(reversed(rows)):
            if interval:
                axes.plot([100 * (b - 1) for b in interval], [y, y], color=color, linewidth=2.5)
            axes.plot([100 * (value - 1)], [y], marker="o", color=color, markersize=8)
        axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("change, % (right is better)")

    return _svg("naive", draw)


def _sides(comparison: Comparison) -> list[tuple[Sequence[CurvePoint], str, str]]:
    old, new = side_names(comparison)
    sides = [(comparison.baseline.curve, OLD, old), (comparison.candidate.curve, NEW, new)]
    # cells hardly ever visited are no load the side had
    return [
        ([p for p in curve if p.time_share > _MIN_TIME_SHARE], color, name)
        for curve, color, name in sides
    ]


def _batch_axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("decode batch")


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=_INK, fontsize=8)


def _svg(salt: str, draw: Callable[[Axes], None]) -> str:
    """Return the drawing as an SVG element whose ink is the page's own."""
    with matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": f"inferfleet-{salt}",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": _INK,
            "axes.labelcolor": _INK,
            "axes.edgecolor": _INK,
            "xtick.color": _INK,
            "ytick.color": _INK,
        }
    ):
        figure = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.15, color=_INK)
        draw(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :].replace(_INK, "currentColor")
