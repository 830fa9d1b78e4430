"""Hours to a verdict as `preflight` forecasts them from a fleet's past, and as `compare` took them.

`python -m scripts.forecast_hours --write` puts the table into docs/preflight.md. The fleets are
simulated in two ways that share nothing (tests/sim and scripts/trial), their truth is known, and
the forecast sees no moment after the upgrade begins. The pauses of `compare --wait` are drawn out
to a quarter of an hour, and to a sixth of the time that has passed.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from alerts.values import load
from exporter.base.units import parse_duration
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Report
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.windows import Fleet
from exporter.compare.forecast.forecast import Forecast, Terms, forecast
from exporter.compare.forecast.present import present
from exporter.compare.forecast.rollout import Rollout
from exporter.compare.run import report_of
from exporter.compare.sequential import Waiting, wait_for_verdict
from exporter.preflight.plan.selection import WAIT
from scripts.bench.document import with_sections
from scripts.trial.cells import EPOCH, fleet_of_run
from scripts.trial.designs import WATCH, Design, members
from scripts.trial.fleet import run_fleet
from scripts.trial.scenarios import CASES
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.sim.engine import Shape
from tests.sim.scenario import SCENARIOS

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "preflight.md"
EFFECT: Final = 0.05
SERVERS: Final = 8
_PAUSE: Final = 900.0
_PAUSE_SHARE: Final = 1 / 6
"""Least pause between two looks in seconds, and as a part of the time since the upgrade."""
_BEFORE_HOURS: Final = 48.0
_SIMULATED: Final[dict[str, tuple[str, Shape]]] = {
    "plain": ("none", "dense"),
    "low traffic": ("low traffic", "dense"),
    "MoE": ("none", "moe"),
}
_SIMULATED_ROWS: Final = (
    *(("plain", canary) for canary in (4, 2)),
    *((kind, 4) for kind in _SIMULATED if kind != "plain"),
)
_STEP_BY_STEP: Final = "run step by step"
_STEP_BY_STEP_CASES: Final = ("-5 %", "plain")
"""Cases of scripts/trial with a loss, and without."""


@dataclass(frozen=True)
class Upgraded:
    """A fleet through an upgrade at a Unix time, and how it is read up to a moment."""

    read: Callable[[float], Fleet]
    start: float


@dataclass(frozen=True)
class Row:
    """What was forecast for fleets of a kind and a canary's size, and what their verdicts took."""

    kind: str
    canary: int
    forecasts: tuple[Forecast, ...]
    losses: tuple[float | None, ...]
    same: tuple[float | None, ...]


def main() -> None:
    """Forecast and compare; print the table or write it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--fleets", type=int, default=2, help="simulated fleets of each kind, 0 for none"
    )
    arguments.add_argument(
        "--trials", type=int, default=1, help="fleets run step by step, 0 for none"
    )
    arguments.add_argument("--first", type=int, default=96_000, help="the first seed")
    arguments.add_argument("--nice", type=int, default=10)
    arguments.add_argument("--write", action="store_true", help=f"write the table of {DOCUMENT}")
    options = arguments.parse_args()
    os.nice(options.nice)
    lines = list[str]()
    for row in _rows(options.fleets, options.trials, options.first):
        lines.append(_line(row))
        print(lines[-1], flush=True)
    if options.write:
        text = "\n".join((*_HEAD, *lines)) + "\n"
        DOCUMENT.write_text(with_sections(DOCUMENT.read_text(), {"forecast": text}))


def _rows(fleets: int, trials: int, first: int) -> Iterator[Row]:
    for kind, canary in _SIMULATED_ROWS if fleets else ():
        pairs = [_simulated(kind, canary, first + number) for number in range(fleets)]
        yield _row(kind, canary, pairs)
    if trials:
        tried = [_step_by_step(first + number) for number in range(trials)]
        yield _row(_STEP_BY_STEP, WATCH.upgraded, tried)


def _row(kind: str, canary: int, pairs: Sequence[tuple[Upgraded, Upgraded]]) -> Row:
    forecasts = [_forecast(unchanged, canary) for _, unchanged in pairs]
    return Row(
        kind,
        canary,
        tuple(each for each in forecasts if each is not None),
        tuple(_hours(slower, "regression") for slower, _ in pairs),
        tuple(_hours(unchanged, "equivalent") for _, unchanged in pairs),
    )


def _simulated(kind: str, canary: int, seed: int) -> tuple[Upgraded, Upgraded]:
    """Return a fleet of tests/sim that gets slower, and one that does not."""
    scenario, shape = _SIMULATED[kind]

    def upgraded(effect: float) -> Upgraded:
        fleet = simulate_comparison(
            seed,
            effect,
            SCENARIOS[scenario],
            shape,
            share=canary / SERVERS,
            servers=SERVERS,
            before=_BEFORE_HOURS,
            after=9.0,
            roll=0.0,
        )
        lookups = fleet.lookups
        assert lookups is not None

        def read(until: float) -> Fleet:
            windows = fleet.windows
            seen = windows.where(windows.time + windows.width <= until + 1.0)
            known = lookups.where(lookups.time + windows.width <= until + 1.0)
            return replace(fleet, windows=seen, lookups=known, end=until)

        return Upgraded(read, START)

    return upgraded(-EFFECT), upgraded(0.0)


def _step_by_step(seed: int) -> tuple[Upgraded, Upgraded]:
    """Return a fleet of scripts/trial that gets slower, and one that does not."""
    design = Design("watch", WATCH.upgraded, -WATCH.before)

    def upgraded(case: str) -> Upgraded:
        run = run_fleet(CASES[case], WATCH, seed)
        servers = members(run.lives, design)

        def read(until: float) -> Fleet:
            return fleet_of_run(run, servers, -3600.0 * WATCH.before, until - EPOCH)

        return Upgraded(read, EPOCH)

    slower, unchanged = map(upgraded, _STEP_BY_STEP_CASES)
    return slower, unchanged


def _forecast(upgraded: Upgraded, canary: int) -> Forecast | None:
    settings = load().matched
    servers = present(upgraded.read(upgraded.start), OLD)
    terms = Terms(
        EFFECT,
        settings.margin,
        settings.warm_up,
        parse_duration(WAIT),
        cached=servers.cached,
    )
    return forecast(servers.fleet, Rollout("canary", canary, servers.servers), terms)


def _hours(upgraded: Upgraded, verdict: str) -> float | None:
    """Return after how many hours `compare --wait` had a verdict, None where it was another."""
    settings = load().matched
    question = Question(
        parse_matchers(f'version="{OLD}"', "--baseline"),
        parse_matchers(f'version="{NEW}"', "--candidate"),
        margin=settings.margin,
        warm_up=settings.warm_up,
        detail=False,
    )
    clock = [upgraded.start]

    def judge(fleet: Fleet, asked: Question, until: float) -> Report:
        return report_of(fleet, asked, until, None)

    def sleep(seconds: float) -> None:
        clock[0] += max(seconds, _PAUSE, _PAUSE_SHARE * (clock[0] - upgraded.start))

    report = wait_for_verdict(
        question,
        Waiting(
            upgraded.start + parse_duration(WAIT),
            # the prefix cache is no part of the question, and takes long
            lambda until: replace(upgraded.read(until), lookups=None),
            judge,
            lambda: clock[0],
            sleep,
            lambda line: None,
        ),
    )
    return (clock[0] - upgraded.start) / 3600.0 if report.verdict == verdict else None


_HEAD: Final = (
    "| fleet | canary | 5 % loss: forecast | took | no change: forecast | took |",
    "|---|---|---|---|---|---|",
)


def _line(row: Row) -> str:
    losses = [hours for each in row.forecasts for hours in each.loss.hours]
    same = [hours for each in row.forecasts for hours in each.no_change.hours]
    cells = (losses, row.losses, same, row.same)
    return f"| {row.kind} | {row.canary} of {SERVERS} | {' | '.join(map(_span, cells))} |"


def _span(hours: Sequence[float | None]) -> str:
    """Return the median, the least and the most, and how many had the verdict."""
    known = [each for each in hours if each is not None]
    if not known:
        return f"0 of {len(hours)}"
    middle = median(np.inf if each is None else each for each in hours)
    shown = f"{middle:.1f} h" if np.isfinite(middle) else "over 8 h"
    return f"{shown} ({min(known):.1f} to {max(known):.1f}, {len(known)} of {len(hours)})"


if __name__ == "__main__":
    main()
