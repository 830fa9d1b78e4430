"""Replayed fleets upgraded under a real Prometheus and Alertmanager: days are made a minute.

What is compressed are the windows in the rules' values; their arithmetic is the shipped one. Only
decoding is judged: a window of a second holds a few dozen prompts of one tape, and four copies of
a tape are not four servers where its prompts decide.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from alerts import build
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from tests.waiting import until

from .fleets import SERVERS, Fleet, client_rate, doing, steady
from .processes import Pair, monitoring

SHARE: Final = 0.9
# a window holds four scrapes, so that its rates have two samples however late one comes
_SCRAPE: Final = "250ms"
_OVERLAP: Final = "40s"
_VALUES: Final = {
    "selector": 'job="inferfleet"',
    "keep_labels": ["fleet"],
    "interval": "2s",
    "matched": {
        "interval": "1s",
        "curve_interval": "2s",
        "before": "5m",
        "after": "5m",
        "keep": "10m",
        "warm_up": 0,
        "overlap": _OVERLAP,
        # eleven windows of one server
        "cell_time": "11s",
    },
    "alerts": {
        "InferfleetDecodeRegression": {"for": "1s", "limits": {"overlap": _OVERLAP}},
        "InferfleetPrefillRegression": {"enabled": False},
        "InferfleetTimeToFirstTokenRegression": {"enabled": False},
    },
}
_PATIENCE: Final = 150.0
_EVERY: Final = 0.3
_MATCHED: Final = "release:inferfleet_matched_load:"
_DECODE: Final = '{measure="decode"}'


@dataclass(frozen=True, slots=True)
class Case:
    """An upgrade between two recordings under one load phase, and what is known of it.

    `truth` is new over old: the load client's own tokens per second, or what was made so.
    """

    name: str
    before: Recording
    after: Recording
    truth: float
    releases: tuple[str, str] | tuple[None, None] = (None, None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Prometheus says of a fleet's decoding; above 1 the new release is faster.

    `naive` are the naive ratios by measure, `verdicts` those of the moment and `called` every
    regression or improvement there ever was.
    """

    release: str
    baseline: str
    ratio: float
    lower: float
    upper: float
    verdicts: tuple[str, ...]
    called: tuple[str, ...]
    naive: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Played:
    """What was found: by fleet the level of inter-token latency and the alerts before the upgrade,
    the verdicts after it, and the alerts then."""

    levels: Mapping[str, float]
    early: Sequence[Mapping[str, Any]]
    verdicts: Mapping[str, Verdict]
    alerts: Sequence[Mapping[str, Any]]


def recorded(old: str, new: str, phase: str, versions: bool = False) -> Case:
    """Return an upgrade as it was recorded; `versions` says that versions alone tell it."""
    sides = [load_recording(bundled_recordings()[f"vllm-{name}"]) for name in (old, new)]
    rates = [client_rate(side, phase) for side in sides]
    before, after = (steady(side, phase) for side in sides)
    releases = (None, None) if versions else (old, new)
    return Case(f"{new} {phase}", before, after, rates[1] / rates[0], releases)


def same() -> Case:
    """Return a release followed by itself under another name."""
    only = recorded("dense-0.20.2-mrv1", "dense-0.20.2-mrv1", "medium").before
    return Case("same", only, only, 1.0, ("one", "two"))


def slower() -> Case:
    """Return a release followed by one that does `SHARE` of its work in the same time."""
    only = same().before
    return Case("slower", only, doing(only, SHARE), SHARE, ("one", "two"))


def play(folder: Path, cases: Sequence[Case], losing: frozenset[str]) -> Played:
    """Watch, upgrade and judge a fleet for each case; takes a minute, most of it waiting.

    Waits for an alert of each of the `losing` cases.
    """
    values = folder / "values.yaml"
    values.write_text(yaml.safe_dump(_VALUES), encoding="utf-8")
    rules = build.write(values, folder / "rules", "prometheus")
    names = {case.name for case in cases}
    with ExitStack() as stack:
        fleets = [
            stack.enter_context(Fleet(case.name, case.before, case.after, case.releases))
            for case in cases
        ]
        exporters = {fleet.url: {"fleet": fleet.name} for fleet in fleets}
        pair = stack.enter_context(monitoring(folder, rules, exporters, _SCRAPE))
        until(pair.answers, _PATIENCE, _EVERY)
        until(lambda: _ready(pair) == dict.fromkeys(names, SERVERS), _PATIENCE, _EVERY)
        levels = _by_fleet(pair, "release:inferfleet_inter_token_latency_seconds:mean5m")
        early = pair.alerts()
        for fleet in fleets:
            fleet.upgrade()
        until(lambda: _judged(pair) == names, _PATIENCE, _EVERY)
        until(lambda: losing <= _told(pair), _PATIENCE, _EVERY)
        verdicts = {name: _verdict(pair, name) for name in names}
        return Played(levels, early, verdicts, pair.alerts())


def table(cases: Sequence[Case], found: Played) -> str:
    """Return the verdicts beside what is known of each case, as a table."""
    lines = [
        "| upgrade | truth | rules | 95 % | verdict | naive time between tokens | naive tok/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        told = found.verdicts[case.name]
        lines.append(
            f"| {case.name} | {case.truth:.3f} | {told.ratio:.3f} | {told.lower:.3f} to "
            f"{told.upper:.3f} | {', '.join(told.verdicts)} "
            f"| {told.naive['inter_token_latency']:.3f} | {told.naive['throughput']:.3f} |"
        )
    return "\n".join(lines)


def _ready(pair: Pair) -> dict[str, float]:
    """Return how many servers of each fleet have their own past on record."""
    return _by_fleet(pair, f"count by (fleet) (target:inferfleet_matched_own:ln{_DECODE})")


def _judged(pair: Pair) -> set[str]:
    overlap, reason = (f"{_MATCHED}{name}{_DECODE}" for name in ("overlap_seconds", "reason"))
    return set(_by_fleet(pair, f"{overlap} unless on (fleet) {reason}"))


def _told(pair: Pair) -> set[str]:
    return {one["labels"].get("fleet") for one in pair.alerts()}


def _by_fleet(pair: Pair, expr: str) -> dict[str, float]:
    return {one["metric"]["fleet"]: float(one["value"][1]) for one in pair.query(expr)}


def _verdict(pair: Pair, fleet: str) -> Verdict:
    this = f'measure="decode", fleet="{fleet}"'
    figures = {}
    for name in ("ratio", "lower", "upper"):
        (found,) = pair.query(f"{_MATCHED}{name}{{{this}}}")
        figures[name] = float(found["value"][1])
    told = f"{_MATCHED}verdict{{{this}}}"
    called = f'{_MATCHED}verdict{{{this}, verdict=~"regression|improvement"}}'
    naive = pair.query(f'release:inferfleet_naive:ratio{{fleet="{fleet}"}}')
    return Verdict(
        release=found["metric"]["release"],
        baseline=found["metric"]["baseline"],
        ratio=figures["ratio"],
        lower=figures["lower"],
        upper=figures["upper"],
        verdicts=_named(pair, f"{told} == 1"),
        called=_named(pair, f"max_over_time({called}[5m]) == 1"),
        naive={one["metric"]["measure"]: float(one["value"][1]) for one in naive},
    )


def _named(pair: Pair, expr: str) -> tuple[str, ...]:
    return tuple(one["metric"]["verdict"] for one in pair.query(expr))
