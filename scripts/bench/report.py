"""The figures as tables of Markdown, printed and written into docs/performance.md."""

from collections.abc import Iterable, Sequence

from .figures import Spread
from .measurement import Measurement
from .parser import ParserCost


def table(head: Sequence[str], rows: Iterable[str]) -> str:
    """Return a table; each row is a whole line."""
    return "\n".join([row(head), "|---" * len(head) + "|", *rows]) + "\n"


def row(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def cost_table(measurements: Iterable[Measurement]) -> str:
    """Return what fleets cost, one a row."""
    head = (
        "targets",
        "CPU a page, exporter",
        "CPU a page, Prometheus",
        "ratio (lowest to highest window)",
        "resident, exporter (after its page was read)",
        "resident, Prometheus",
        "up, skipped",
        "first seconds: share of a core (settled), exporter",
        "the same, Prometheus",
    )
    return table(head, map(cost_row, measurements))


def cost_row(result: Measurement) -> str:
    """Return the row of one fleet."""
    (before, after), ratio = result.exporter_mb, result.ratio
    return row(
        (
            f"{result.targets:,}" + (", local" if result.local else ""),
            _ms(result.spread(result.exporter)),
            _ms(result.spread(result.prometheus)),
            f"**{ratio.median:.2f}** ({ratio.lowest:.2f} to {ratio.highest:.2f})",
            f"{before:.0f} MB ({after:.0f})",
            f"{result.prometheus_mb:.0f} MB",
            f"{result.up:,}, {result.skipped}",
            _start(result, exporter=True),
            _start(result, exporter=False),
        )
    )


def parser_table(costs: Iterable[ParserCost]) -> str:
    """Return what reading one page takes, by recording."""
    rows = (
        row(
            (
                cost.recording,
                f"{cost.exporter_ms:.2f} ms",
                f"{cost.reference_ms:.1f} ms",
                f"{cost.reference_ms / cost.exporter_ms:.0f}",
            )
        )
        for cost in costs
    )
    return table(("recording", "this parser", "prometheus_client's", "times as much"), rows)


def _ms(spread: Spread) -> str:
    return f"{spread.median:.2f} ms"


def _start(result: Measurement, exporter: bool) -> str:
    counted = result.exporter if exporter else result.prometheus
    begin, settled = result.begin, result.settled[0]
    first = counted.share_of_a_core(begin, settled)
    later = counted.share_of_a_core(*result.settled)
    return f"{100 * first:.1f} % in {result.course.settle:.0f} s ({100 * later:.1f} %)"
