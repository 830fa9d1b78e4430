"""The figures as sections of Markdown, printed and written into docs/performance.md."""

from collections.abc import Iterable, Sequence

from exporter.config import Config

from .figures import bars, peak, requests_by_phase, work_by_phase
from .measurement import Measurement, Process
from .parser import ParserCost
from .processes import INTERVAL

SECTIONS = ("conditions", "costs", "page reads", "identities", "threads", "phases", "parsers")
"""Of docs/performance.md, in the order they are measured."""
_PARTS = 20
_SCRAPE_SECONDS = 15.0
_LEAST_SHARE = 0.005
_MUCH_WAITING = 1.0
_BUSY = 0.7
_COST_HEAD = (
    "servers",
    "exporter, CPU a page",
    "Prometheus, CPU a page",
    "ratio (windows)",
    "exporter, memory (page read)",
    "Prometheus, memory",
    "samples skipped",
    "exporter, share of a core at first (settled)",
    "Prometheus, the same",
)


def costs(measurements: Iterable[Measurement]) -> str:
    """Return what fleets cost, one a row."""
    return table(_COST_HEAD, map(cost_row, measurements))


def cost_row(fleet: Measurement) -> str:
    """Return the row of one fleet."""
    ratio = fleet.ratio
    return row(
        (
            _size(fleet),
            f"{fleet.ms_a_page(fleet.exporter):.2f} ms",
            f"{fleet.ms_a_page(fleet.prometheus):.2f} ms",
            f"**{ratio.median:.2f}** ({ratio.lowest:.2f} to {ratio.highest:.2f})",
            f"{fleet.exporter.resident:.0f} MB ({fleet.resident_after:.0f})",
            f"{fleet.prometheus.resident:.0f} MB",
            f"{fleet.read.skipped}" + _missing(fleet),
            _start(fleet, fleet.exporter),
            _start(fleet, fleet.prometheus),
        )
    )


def disturbance(fleet: Measurement) -> str:
    """Say where so much else ran that the figures are unsure; empty where it did not."""
    waited, replay = fleet.exporter.waited, fleet.replay_core
    if waited < _MUCH_WAITING and replay < _BUSY:
        return ""
    return (
        f"The exporter of the last row waited for a core {waited:.1f} times as long as it had one, "
        f"and the replayed servers took {100 * replay:.0f} % of a core: the figures are unsure."
    )


def _missing(fleet: Measurement) -> str:
    missing = fleet.targets - fleet.read.up
    return f", {missing} servers not up" if missing else ""


def _start(fleet: Measurement, process: Process) -> str:
    first = process.counted.share_of_a_core(fleet.begin, fleet.begin + fleet.course.settle)
    settled = process.counted.share_of_a_core(*fleet.settled)
    return f"{100 * first:.1f} % ({100 * settled:.1f} %)"


def page_reads(measurements: Iterable[Measurement]) -> str:
    """Return what one reading of the exporter's own page costs, by fleet."""
    head = (
        "servers",
        "lines",
        "compressed",
        "time",
        "CPU",
        f"CPU a sampled page, read each {_SCRAPE_SECONDS:.0f} s",
    )
    rows = (
        row(
            (
                _size(fleet),
                f"{fleet.read.lines:,}",
                f"{fleet.read.size / 1e6:.2f} MB",
                f"{fleet.read.seconds:.2f} s",
                f"{1000 * fleet.read.cpu:.0f} ms",
                f"{1000 * fleet.read.cpu / (fleet.targets * _SCRAPE_SECONDS / INTERVAL):.2f} ms",
            )
        )
        for fleet in measurements
    )
    return table(head, rows)


def identity(default: Measurement, often: Measurement) -> str:
    """Return the row of what reading an identity costs.

    `often` is like `default`, but reads each identity once a window.
    """
    more = often.ms_a_page(often.exporter) - default.ms_a_page(default.exporter)
    each = more * often.course.window / INTERVAL
    pages = Config().identity_refresh / INTERVAL
    return row((_place(often), f"{each:.1f} ms", f"{each / pages:.2f} ms"))


def identities(rows: Iterable[str]) -> str:
    """Return what reading an identity costs, by where the servers are."""
    head = (
        "servers",
        "CPU an identity",
        f"CPU a page, read each {Config().identity_refresh:.0f} s",
    )
    return table(head, rows)


def threads(measurements: Iterable[Measurement]) -> str:
    """Return switches between threads, and which threads and rooms spend the CPU, by fleet."""
    head = (
        "servers",
        "wake-ups a second, exporter",
        "the same, Prometheus",
        "waited for a core over CPU",
        "exporter's CPU by thread",
        "by room",
    )
    return table(head, (_thread_row(fleet) for fleet in measurements))


def _thread_row(fleet: Measurement) -> str:
    whole = sum(thread.core for thread in fleet.exporter.threads)
    named = [
        (fleet.thread_names.get(thread.thread, f"number {number}"), thread.core / whole)
        for number, thread in enumerate(fleet.exporter.threads, 1)
    ]
    return row(
        (
            _size(fleet),
            f"{sum(thread.switches for thread in fleet.exporter.threads):,.1f}",
            f"{sum(thread.switches for thread in fleet.prometheus.threads):,.1f}",
            f"{fleet.exporter.waited:.2f}, Prometheus {fleet.prometheus.waited:.2f}",
            _shares(named),
            _shares(fleet.rooms.items()) if fleet.rooms else "unknown",
        )
    )


def phases(measurements: Iterable[Measurement]) -> str:
    """Return how evenly requests and CPU are spread over the interval, as bars."""
    lines = []
    for fleet in measurements:
        for name, process in (("exporter", fleet.exporter), ("Prometheus", fleet.prometheus)):
            counted, settled = process.counted, fleet.settled
            requests = requests_by_phase(counted.arrivals, *settled, INTERVAL, _PARTS)
            work = work_by_phase(counted, *settled, INTERVAL, _PARTS)
            for what, shares in (("requests", requests), ("CPU", work)):
                lines.append(
                    f"{_size(fleet):>12} {name:10} {what:8} |{bars(shares)}| "
                    f"largest / mean {peak(shares):.2f}"
                )
    return "\n".join(["```text", *lines, "```"]) + "\n"


def parsers(costs_by_recording: Iterable[ParserCost]) -> str:
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
        for cost in costs_by_recording
    )
    return table(("recording", "this parser", "prometheus_client's", "times as much"), rows)


def table(head: Sequence[str], rows: Iterable[str]) -> str:
    """Return a table; each row is a whole line."""
    return "\n".join([row(head), "|---" * len(head) + "|", *rows]) + "\n"


def row(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def _size(fleet: Measurement) -> str:
    return f"{fleet.targets:,}" + (" local" if fleet.local else "")


def _place(fleet: Measurement) -> str:
    return "on the exporter's own machine" if fleet.local else "at other addresses"


def _shares(parts: Iterable[tuple[str, float]]) -> str:
    shown = (f"{name} {100 * share:.0f} %" for name, share in parts if share >= _LEAST_SHARE)
    return ", ".join(shown)
