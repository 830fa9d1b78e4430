"""The judges of an upgrade: `compare`, the rules' twin, and what people do by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.values import load
from exporter.compare.assess.comparison import Question, compare
from exporter.compare.assess.result import Comparison
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.windows import Fleet
from exporter.vocabulary.verdict import Measure
from scripts.hand_rules import beyond, mann_whitney
from tests.sim.rules import evaluate

from .cells import NEW, OLD, SPENT, comparison_input, rules_input, true_ratio
from .designs import DESIGNS, members
from .fleet import Run
from .outcome import Outcome

_SETTINGS: Final = load().matched
QUESTION: Final = Question(
    parse_matchers(f'version="{OLD}"', "--baseline"),
    parse_matchers(f'version="{NEW}"', "--candidate"),
    detail=False,
    margin=_SETTINGS.margin,
    warm_up=_SETTINGS.warm_up,
)
RULES_MEASURES: Final[tuple[Measure, ...]] = ("decode", "prefill")


@dataclass(frozen=True)
class Trial:
    """One design's part of one fleet."""

    scenario: str
    design: str
    seed: int
    run: Run

    @property
    def servers(self) -> NDArray[np.int64]:
        """The servers of the design."""
        return members(self.run.lives, DESIGNS[self.design])

    @property
    def since(self) -> float:
        """When its data begin, in seconds from the upgrade on."""
        return 3600.0 * DESIGNS[self.design].since

    def outcome(self, judge: str, measure: str, verdict: str, **figures: float | None) -> Outcome:
        """Return what a judge says, beside the truth of the measure."""
        known = next((name for name in SPENT if name == measure), None)
        # what has no truth of its own is judged by decode's, if nothing changes at all
        true = true_ratio(self.run, self.servers, known or "decode")
        if known is None and self.run.case.effect.size:
            return Outcome(
                self.scenario, self.design, self.seed, judge, measure, verdict, None, **figures
            )
        return Outcome(
            self.scenario, self.design, self.seed, judge, measure, verdict, true, **figures
        )


def verdicts(trial: Trial, with_rules: bool = True) -> Iterator[Outcome]:
    """Yield what every judge says of a design's part of a fleet."""
    fleet = comparison_input(trial.run, trial.servers, trial.since)
    comparison = compare(fleet, QUESTION)[0]
    yield from _of_compare(trial, comparison)
    yield from _by_hand(trial, fleet, comparison)
    if with_rules:
        yield from _of_rules(trial)


def _of_compare(trial: Trial, comparison: Comparison) -> Iterator[Outcome]:
    decode = comparison.measures[0]
    overall = trial.outcome("compare", "decode", comparison.verdict)
    yield replace(overall, measure="overall")
    for result in (decode, *comparison.measures[1:]):
        estimate = result.estimate if result.verdict != "not_comparable" else None
        figures = {}
        if estimate is not None:
            figures = {
                "ratio": estimate.ratio,
                "lower": estimate.lower,
                "upper": estimate.upper,
            }
        yield trial.outcome("compare", result.measure, result.verdict, **figures)


def _of_rules(trial: Trial) -> Iterator[Outcome]:
    windows = rules_input(trial.run, trial.servers, trial.since)
    for measure, verdict in evaluate(windows, _SETTINGS, RULES_MEASURES).items():
        figures = {}
        if verdict.verdict != "not_comparable" and isfinite(verdict.lower):
            figures = {
                "ratio": exp(verdict.ln),
                "lower": exp(verdict.lower),
                "upper": exp(verdict.upper),
            }
        yield trial.outcome("rules", measure, verdict.verdict, **figures)


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
