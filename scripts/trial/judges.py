"""The judges of an upgrade: `compare`, and what people do by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.values import load
from exporter.compare.assess.comparison import Question, compare
from exporter.compare.assess.result import Comparison, Estimate
from exporter.compare.assess.subgroups import MIN_SHARE_JUDGED
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.windows import Fleet
from scripts.naive_rules import beyond, mann_whitney

from .cells import NEW, OLD, fleet_of_run
from .designs import DESIGNS, members
from .fleet import Run
from .outcome import Outcome
from .truth import Truth, truth_of

_SETTINGS: Final = load().matched
QUESTION: Final = Question(
    parse_matchers(f'version="{OLD}"', "--baseline"),
    parse_matchers(f'version="{NEW}"', "--candidate"),
    detail=False,
    margin=_SETTINGS.margin,
    warm_up=_SETTINGS.warm_up,
)


@dataclass(frozen=True)
class Trial:
    """One design's part of one fleet."""

    scenario: str
    design: str
    seed: int
    run: Run

    @cached_property
    def servers(self) -> NDArray[np.int64]:
        """The servers of the design."""
        return members(self.run.lives, DESIGNS[self.design])

    @cached_property
    def fleet(self) -> Fleet:
        """What `compare` reads of it."""
        return fleet_of_run(self.run, self.servers, 3600.0 * DESIGNS[self.design].since)

    @cached_property
    def work(self) -> Truth:
        """The candidate's judged work, with its truth."""
        return truth_of(self.fleet, QUESTION)

    @cached_property
    def truth(self) -> dict[str, float]:
        """The true change of each measure that has one."""
        return self.work.ratios()

    def outcome(
        self,
        judge: str,
        measure: str,
        verdict: str,
        true: float | None = None,
        **figures: float | None,
    ) -> Outcome:
        """Return what a judge says, beside the truth of the measure or another that is given.

        A measure without a truth of its own has one only where nothing changes at all.
        """
        true = self.truth.get(measure) if true is None else true
        if true is None and not self.run.case.effect.size:
            true = 1.0
        return Outcome(
            self.scenario, self.design, self.seed, judge, measure, verdict, true, **figures
        )


def verdicts(trial: Trial) -> Iterator[Outcome]:
    """Yield what every judge says of a design's part of a fleet."""
    fleet = trial.fleet
    comparison = compare(fleet, QUESTION)[0]
    yield from _of_compare(trial, comparison)
    yield from _by_hand(trial, fleet, comparison)


def _of_compare(trial: Trial, comparison: Comparison) -> Iterator[Outcome]:
    decode = comparison.measures[0]
    yield trial.outcome("compare", "overall", comparison.verdict)
    for result in (decode, *comparison.measures[1:]):
        estimate = result.estimate if result.verdict != "not_comparable" else None
        yield trial.outcome("compare", result.measure, result.verdict, **_figures(estimate))
    for part in decode.ranges:
        if part.verdict != "not_comparable" and part.token_share >= MIN_SHARE_JUDGED:
            true = trial.work.ratio("decode", part.low, part.high)
            figures = _figures(part.estimate)
            yield trial.outcome("compare", "range", part.verdict, true, **figures)


def _figures(estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return {}
    return {"ratio": estimate.ratio, "lower": estimate.lower, "upper": estimate.upper}


def _by_hand(trial: Trial, fleet: Fleet, comparison: Comparison) -> Iterator[Outcome]:
    candidate = [server.release == NEW for server in fleet.windows.servers]
    calls = {
        "tok/s": beyond(comparison.naive_throughput),
        "ITL": beyond(comparison.naive_inter_token_latency),
        **mann_whitney(fleet, candidate),
    }
    for rule, call in calls.items():
        # a rule that is silent does not say that nothing changed
        yield trial.outcome(rule, "decode", "inconclusive" if call == "neither" else call)
