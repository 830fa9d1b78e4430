"""Outcomes as tables: how often each judge is right, wrong or silent, and its interval."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from .designs import DESIGNS
from .outcome import CALLS, MARGIN, Outcome
from .scenarios import WITH_EFFECT, WITHOUT_EFFECT

HAND = ("tok/s", "ITL", "MW tok/s", "MW ITL")
_MEASURES = (
    "overall",
    "decode",
    "prefill",
    "inter_token_latency",
    "energy",
    "hit_ratio",
    "speculation",
)
_SHORT = {"inter_token_latency": "latency"}


@dataclass(frozen=True)
class Rates:
    """Shares in percent of some outcomes: `bias` is of the ratio, `covered` of the intervals."""

    count: int
    wrong: float
    right: float
    equivalent: float
    not_comparable: float
    bias: float
    covered: float


def rates(outcomes: Sequence[Outcome]) -> Rates:
    """Return the rates of outcomes that belong together."""
    count = len(outcomes)
    if not count:
        return Rates(0, nan, nan, nan, nan, nan, nan)
    estimated = [each for each in outcomes if each.ratio is not None and each.true is not None]
    ratios = [each.ratio / each.true - 1.0 for each in estimated if each.ratio and each.true]
    covered = [each.covers for each in outcomes if each.covers is not None]
    return Rates(
        count,
        100.0 * sum(each.is_wrong for each in outcomes) / count,
        100.0 * sum(each.is_right for each in outcomes) / count,
        100.0 * sum(each.verdict == "equivalent" for each in outcomes) / count,
        100.0 * sum(each.verdict == "not_comparable" for each in outcomes) / count,
        100.0 * float(np.mean(ratios)) if ratios else nan,
        100.0 * float(np.mean(covered)) if covered else nan,
    )


class Results:
    """Outcomes, picked by what they are of."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._picked: dict[tuple[str, str, str, str], list[Outcome]] = {}
        self.seeds = set[int]()
        for each in outcomes:
            key = each.judge, each.measure, each.scenario, each.design
            self._picked.setdefault(key, []).append(each)
            self.seeds.add(each.seed)
        self.designs = [name for name in DESIGNS if any(key[3] == name for key in self._picked)]

    def of(
        self, judge: str, measure: str, scenarios: Iterable[str], designs: Iterable[str]
    ) -> list[Outcome]:
        """Return the outcomes of one judge and measure, of some scenarios and designs."""
        designs = list(designs)
        return [
            outcome
            for scenario in scenarios
            for design in designs
            for outcome in self._picked.get((judge, measure, scenario, design), [])
        ]

    def scenarios(self, known: Iterable[str]) -> list[str]:
        """Return those of the known scenarios that there are outcomes of."""
        present = {key[2] for key in self._picked}
        return [name for name in known if name in present]


def totals(results: Results, measures: Sequence[str] = ()) -> list[str]:
    """Return a row a judge and measure, over all scenarios without an effect, by design.

    With `measures` those of `compare` alone.

    A cell has the wrong calls (of the worst scenario), equivalent, and how often the interval
    holds the truth.
    """
    lines = _head(["judge", "measure", *results.designs])
    names = results.scenarios(WITHOUT_EFFECT)
    rows = [("compare", measure) for measure in measures or _MEASURES]
    rows += [] if measures else [(rule, "decode") for rule in HAND]
    for judge, measure in rows if names else []:
        cells = [judge, _SHORT.get(measure, measure)]
        for design in results.designs:
            picked = results.of(judge, measure, names, [design])
            if not picked:
                cells.append("")
                continue
            mean = rates(picked)
            by_name = (results.of(judge, measure, [name], [design]) for name in names)
            worst = max(rates(found).wrong for found in by_name if found)
            beside = [f"{mean.wrong:.0f} ({worst:.0f})"]
            if judge not in HAND:
                beside += [f"{mean.equivalent:.0f}", _percent(mean.covered)]
            cells.append(", ".join(filter(None, beside)))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def by_scenario(results: Results, judge: str, measure: str) -> list[str]:
    """Return a row a scenario without an effect: wrong / equivalent / not comparable by design."""
    return _grid(
        results,
        judge,
        measure,
        WITHOUT_EFFECT,
        lambda found: f"{found.wrong:.0f} / {found.equivalent:.0f} / {found.not_comparable:.0f}",
    )


def of_measure(results: Results, measure: str) -> list[str]:
    """Return a row a case of one measure of `compare` whose truth is known, by design.

    A cell has wrong calls / right / equivalent / not comparable / intervals that hold the truth.
    """
    known = [
        name
        for name in (*WITHOUT_EFFECT, *WITH_EFFECT)
        if any(
            outcome.true is not None
            for outcome in results.of("compare", measure, [name], results.designs)
        )
    ]
    return _grid(
        results,
        "compare",
        measure,
        known,
        lambda found: (
            f"{found.wrong:.0f} / {found.right:.0f} / {found.equivalent:.0f} / "
            f"{found.not_comparable:.0f} / {_percent(found.covered)}"
        ),
    )


def by_effect(results: Results, judge: str, measure: str) -> list[str]:
    """Return a row a case with an effect: right / wrong by design."""
    return _grid(
        results,
        judge,
        measure,
        WITH_EFFECT,
        lambda found: f"{found.right:.0f} / {found.wrong:.0f}",
    )


def ranges(results: Results) -> list[str]:
    """Return a row a case: of the ranges of batch, found changes and wrong calls by design.

    A change counts where it is the margin at least; the shares are in percent of the ranges with
    such a change, and of those with none.
    """
    lines = _head(["", *results.designs])
    for name in results.scenarios([*WITHOUT_EFFECT, *WITH_EFFECT]):
        cells = []
        for design in results.designs:
            picked = results.of("compare", "range", [name], [design])
            changed = [each for each in picked if abs((each.true or 1.0) - 1.0) >= MARGIN]
            still = [each for each in picked if each.direction == "equivalent"]
            found = f"{rates(changed).right:.0f} of {len(changed)}" if changed else ""
            wrong = f"{rates(still).wrong:.0f} of {len(still)}" if still else ""
            cells.append(f"{found} / {wrong}" if picked else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def accuracy(results: Results, judge: str, measure: str) -> list[str]:
    """Return a row a case: bias of the ratio and cover of the interval, by design."""
    return _grid(
        results,
        judge,
        measure,
        [*WITHOUT_EFFECT, *WITH_EFFECT],
        lambda found: f"{_signed(found.bias)} / {_percent(found.covered)}",
    )


def _grid(
    results: Results,
    judge: str,
    measure: str,
    known: Collection[str],
    cell: Callable[[Rates], str],
) -> list[str]:
    designs = [
        design
        for design in results.designs
        if any(results.of(judge, measure, [name], [design]) for name in known)
    ]
    lines = _head(["", *designs])
    for name in results.scenarios(known):
        cells = []
        for design in designs:
            picked = results.of(judge, measure, [name], [design])
            cells.append(cell(rates(picked)) if picked else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def opposite(results: Results, judge: str, measure: str) -> tuple[int, int]:
    """Return how many fleets with an effect were called with the opposite sign, and of how many."""
    picked = results.of(judge, measure, WITH_EFFECT, results.designs)
    moved = [each for each in picked if each.direction in CALLS]
    return sum(each.verdict in CALLS and each.is_wrong for each in moved), len(moved)


def _head(columns: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{share:.0f}"


def _signed(share: float) -> str:
    return "" if np.isnan(share) else f"{share:+.1f}"
