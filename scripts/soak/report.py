"""The figures of a run as sections of docs/withstands.md, a table of values and a picture."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from math import inf
from pathlib import Path

from scripts.bench.report import row, table

from .observation import Observation
from .sampling_gaps import SamplingGaps
from .trend import Trend, trend

_WARM_UP = 0.25
"""The first part of a run, in which caches and histories fill: it is no part of the trend."""
_MEASURES = {
    "resident": ("memory", "MB", 1),
    "blocks": ("blocks of Python's allocator in use", "", 0),
    "threads": ("threads", "", 2),
    "descriptors": ("descriptors", "", 2),
}


def write_csv(path: Path, observations: Iterable[Observation]) -> None:
    """Write every observation, a row each."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(each.name for each in fields(Observation))
        writer.writerows(map(astuple, observations))


def _verdict(series: Trend) -> str:
    if series.flat:
        return "flat"
    return "**rises**" if series.slope > 0 else "falls"


def waited(observations: Sequence[Observation]) -> float:
    """Return how long the exporter waited for a core, in seconds a second."""
    first, last = observations[0], observations[-1]
    return (last.waited - first.waited) / max(last.seconds - first.seconds, 1e-9)


def soak_section(
    observations: Sequence[Observation], conditions: str, facts: Mapping[str, object]
) -> str:
    """Return the table of trends, and how up to date the live servers were."""
    settled = observations[int(_WARM_UP * len(observations)) :]
    seconds = [each.seconds for each in settled]
    rows = []
    for name, (title, unit, digits) in _MEASURES.items():
        series = trend(seconds, [getattr(each, name) for each in settled])
        ends = (getattr(each, name) for each in (settled[0], settled[-1]))
        first, last = (f"{value:.0f} {unit}".strip() for value in ends)
        slope = f"{series.slope:+.{digits}f} ± {series.error:.{digits}f} {unit}".strip()
        rows.append(row((title, first, last, slope, _verdict(series))))
    head = ("", "after the first quarter", "at the end", "slope an hour", "")
    looks = sum(each.live for each in settled)
    fresh = sum(each.fresh * each.live for each in settled) / max(looks, 1)
    oldest = max(each.oldest for each in settled)
    shown = "some not sampled yet" if oldest == inf else f"the oldest page {oldest:.1f} s old"
    listed = ", ".join(f"{name} {value}" for name, value in facts.items())
    return (
        f"{conditions}\n\n{table(head, rows)}\n"
        f"Live servers were up to date in {100 * fresh:.2f} % of {looks:,} looks, {shown}; the "
        f"exporter waited for a core {100 * waited(settled):.0f} % of the time. {listed}\n"
    )


def dead_section(gaps: SamplingGaps, conditions: str, facts: Mapping[str, object]) -> str:
    """Return whether the live servers among dead ones were sampled on time."""
    rows = [
        ("samples of live servers", f"{gaps.samples:,}"),
        (
            "late by more than half an interval",
            f"{gaps.late:,} ({100 * gaps.late / max(gaps.samples, 1):.2f} %)",
        ),
        ("longest between two samples of a live server", f"{gaps.longest:.2f} s"),
        *((name, str(value)) for name, value in facts.items()),
    ]
    return f"{conditions}\n\n{table(('', ''), map(row, rows))}"


def draw(path: Path, observations: Sequence[Observation]) -> None:
    """Draw memory, threads and descriptors, and the share of live servers that are up to date."""
    from matplotlib import pyplot

    minutes = [each.seconds / 60 for each in observations]
    rows = len(_MEASURES) + 1
    figure, axes = pyplot.subplots(rows, 1, sharex=True, figsize=(8, 8), layout="constrained")
    names = {**{name: title for name, (title, _, _) in _MEASURES.items()}, "fresh": "up to date"}
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        axis.plot(minutes, [getattr(each, name) for each in observations], linewidth=0.8)
        unit = {"resident": " (MB)", "fresh": " (share)"}.get(name, "")
        axis.set_ylabel(f"{title}{unit}")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
