"""A day of asking again: when `compare --wait` has its verdict, and whether it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Report
from exporter.compare.fleet.windows import Fleet
from exporter.compare.run import report_of
from exporter.compare.sequential import Waiting, wait_for_verdict

from .cells import EPOCH, comparison_input, true_ratios
from .designs import WATCH, WATCHED, Design, members
from .fleet import Run, run_fleet
from .judges import QUESTION
from .outcome import Outcome
from .scenarios import CASES

HOURS = 24.0


class Watched(NamedTuple):
    """A verdict, and how many hours after the upgrade's begin it was reached, by looks."""

    outcome: Outcome
    hours: float
    looks: int


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
        return comparison_input(self.run, self.servers, since, until - EPOCH)

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
        true = true_ratios(run, operator.servers)["overall"]
        outcome = Outcome(job.scenario, name, job.seed, "compare", "overall", report.verdict, true)
        results.append(Watched(outcome, (operator.clock - EPOCH) / 3600.0, operator.looks))
    return results


def table(results: Sequence[Watched]) -> list[str]:
    """Return a row a scenario and design: right, wrong, undecided, and the hours they took."""
    lines = [
        "| | design | fleets | right | wrong | undecided | hours to the right verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = dict.fromkeys((each.outcome.scenario, each.outcome.design) for each in results)
    for scenario, design in sorted(keys, key=lambda key: (list(CASES).index(key[0]), key[1])):
        found = [
            each
            for each in results
            if (each.outcome.scenario, each.outcome.design) == (scenario, design)
        ]
        right = [each for each in found if each.outcome.is_right]
        wrong = sum(each.outcome.is_wrong for each in found)
        undecided = sum(
            each.outcome.verdict in ("inconclusive", "not_comparable") for each in found
        )
        hours = f"{median(each.hours for each in right):.1f}" if right else ""
        parts = (len(right), wrong, undecided)
        lines.append(
            f"| {scenario} | {design} | {len(found)} | "
            + " | ".join(f"{100 * part / len(found):.0f}" for part in parts)
            + f" | {hours} |"
        )
    return lines
