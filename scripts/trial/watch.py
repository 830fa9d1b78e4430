"""A day of asking again: when `compare --wait` has its verdict, and whether it is right."""

import json
import lzma
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Report
from exporter.compare.fleet.windows import Fleet
from exporter.compare.interim import UNDECIDED
from exporter.compare.run import report_of
from exporter.compare.sequential import Waiting, wait_for_verdict

from .cells import EPOCH, fleet_of_run
from .designs import WATCH, WATCHED, Design, members
from .fleet import Run, run_fleet
from .judges import QUESTION
from .outcome import Outcome
from .scenarios import CASES, WITHOUT_EFFECT
from .truth import truth_of

HOURS = 24.0


class Watched(NamedTuple):
    """A verdict, how many hours after the upgrade's begin it was reached, and by which measures."""

    outcome: Outcome
    hours: float
    looks: int
    measures: Sequence[str] = ()


class Watch(NamedTuple):
    """One fleet to watch in all designs."""

    scenario: str
    seed: int


@dataclass
class _Operator:
    """Who waits: reads a fleet as it was at a time that passes only by sleeping."""

    run: Run
    design: Design
    clock: float = EPOCH
    looks: int = 0

    @property
    def servers(self) -> NDArray[np.int64]:
        return members(self.run.lives, self.design)

    def read(self, until: float) -> Fleet:
        since = 3600.0 * self.design.since
        return fleet_of_run(self.run, self.servers, since, until - EPOCH)

    def judge(self, fleet: Fleet, question: Question, until: float) -> Report:
        self.looks += 1
        return report_of(fleet, question, until, None)

    def now(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        self.clock += seconds


def watch(job: Watch) -> list[Watched]:
    """Return when a fleet's verdict was reached, by design."""
    run = run_fleet(CASES[job.scenario], WATCH, job.seed)
    results = list[Watched]()
    for name, design in WATCHED.items():
        operator = _Operator(run, design)
        waiting = Waiting(
            until=EPOCH + 3600.0 * HOURS,
            read=operator.read,
            judge=operator.judge,
            now=operator.now,
            sleep=operator.sleep,
            tell=lambda line: None,
        )
        report = wait_for_verdict(QUESTION, waiting)
        true = truth_of(operator.read(EPOCH + 3600.0 * HOURS), QUESTION).ratios()["overall"]
        outcome = Outcome(job.scenario, name, job.seed, "compare", "overall", report.verdict, true)
        hours = (operator.clock - EPOCH) / 3600.0
        measures = [
            result.measure
            for comparison in report.comparisons
            for result in comparison.measures
            if result.verdict == report.verdict
        ]
        results.append(Watched(outcome, hours, operator.looks, measures))
    return results


def table(results: Sequence[Watched]) -> list[str]:
    """Return a row a scenario and design, and one for all scenarios in which nothing changes."""
    lines = [
        "| | design | fleets | right | wrong | undecided | hours to the right verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    designs = dict.fromkeys(each.outcome.design for each in results)
    groups = {name: (name,) for name in CASES} | {"nothing changes": tuple(WITHOUT_EFFECT)}
    for group in groups.items():
        for design in designs:
            lines += _row(group, design, results)
    return lines


def _row(group: tuple[str, Collection[str]], design: str, results: Sequence[Watched]) -> list[str]:
    """Return the row of a named group of scenarios in a design, none without fleets."""
    name, scenarios = group
    watched = [
        each
        for each in results
        if each.outcome.scenario in scenarios and each.outcome.design == design
    ]
    if not watched:
        return []
    right = sorted(each.hours for each in watched if each.outcome.is_right)
    wrong = sum(each.outcome.is_wrong for each in watched)
    undecided = sum(each.outcome.verdict in UNDECIDED for each in watched)
    shares = " | ".join(
        f"{100 * part / len(watched):.0f}" for part in (len(right), wrong, undecided)
    )
    hours = f"{np.median(right):.1f} ({np.quantile(right, 0.9):.1f})" if right else ""
    return [f"| {name} | {design} | {len(watched)} | {shares} | {hours} |"]


def save(results: Iterable[Watched], path: Path) -> None:
    """Write results to a file, as JSON lines packed by xz."""
    with lzma.open(path, "wt", encoding="utf-8") as file:
        for each in results:
            file.write(json.dumps(each._asdict() | {"outcome": asdict(each.outcome)}) + "\n")


def read(path: Path) -> list[Watched]:
    """Return the results of a file that `save` wrote."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [
            Watched(Outcome(**fields.pop("outcome")), **fields) for fields in map(json.loads, file)
        ]
