"""How often the upgrade verdict is right, on simulated fleets whose truth is known.

Prints, for each design, batch curve, confounder and true effect: how often it says regression,
improvement, equivalent, inconclusive and not comparable, the bias, how often the 95 % interval
holds the truth, and beside it how often what people do by hand calls a regression or improvement.
`make bench` runs it with few seeds; the seeds used while tuning lie below 1,000.
"""

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from time import monotonic

import numpy as np

from alerts.values import load
from exporter.compare.assess.comparison import Question, compare
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.windows import Fleet

# beside it where it is installed; nothing else needs it
try:
    from otava.analysis import compute_change_points
except ImportError:
    compute_change_points = None

from scripts.naive_rules import beyond, mann_whitney
from tests.sim.comparison import NEW, OLD, simulate_comparison
from tests.sim.engine import Shape
from tests.sim.scenario import SCENARIOS

MATCHED = load().matched
QUESTION = Question(
    parse_matchers(f'version="{OLD}"', "--baseline"),
    parse_matchers(f'version="{NEW}"', "--candidate"),
    detail=False,
    margin=MATCHED.margin,
    warm_up=MATCHED.warm_up,
)
# design: share of the servers upgraded, hours before and after, the first of them warm-up
DESIGNS = {
    "DiD 24 h + 6 h": (0.5, 24.0, 7.0),
    "side by side 6 h": (0.5, 1.0, 7.0),
    "before/after 24 h + 24 h": (1.0, 24.0, 26.0),
    "before/after 6 h + 6 h": (1.0, 6.0, 7.0),
}
CONFOUNDERS = (
    "none",
    "longer prompts",
    "demand +25 %",
    "demand -25 %",
    "outputs +50 %",
    "noisy neighbours",
    "hosts changed",
    "hidden cost",
    "low traffic",
    "all at once",
)
"""Those of the simulator's scenarios that the published figures are about."""
NEEDED = (
    "seconds",
    "gpu_seconds",
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "context_token_seconds",
    "saturated_seconds",
)


@dataclass(frozen=True)
class Case:
    """One cell of the table and one seed."""

    design: str
    shape: Shape
    scenario: str
    effect: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What was said of one fleet; `by_hand` maps a rule to regression, improvement or neither."""

    case: Case
    verdict: str
    ratio: float
    covered: bool | None
    by_hand: dict[str, str]


def judge(case: Case) -> Outcome:
    """Simulate one fleet and judge it."""
    share, before, after = DESIGNS[case.design]
    fleet = simulate_comparison(
        case.seed,
        case.effect,
        SCENARIOS[case.scenario],
        case.shape,
        share=share,
        before=before,
        after=after,
    )
    sums = {name: fleet.windows.sums[name] for name in NEEDED}
    fleet = replace(fleet, windows=replace(fleet.windows, sums=sums), lookups=None)
    comparison = compare(fleet, QUESTION)[0]
    decode = comparison.measures[0]
    estimate = decode.estimate if decode.verdict != "not_comparable" else None
    by_hand = {
        "tok/s": beyond(comparison.naive_throughput),
        "ITL": beyond(comparison.naive_inter_token_latency),
        **mann_whitney(fleet, [server.release == NEW for server in fleet.windows.servers]),
    }
    if compute_change_points and share == 1:
        by_hand["Otava"] = _otava(fleet, before)
    return Outcome(
        case,
        decode.verdict,
        estimate.ratio if estimate else float("nan"),
        estimate.lower <= 1 + case.effect <= estimate.upper if estimate else None,
        by_hand,
    )


def _otava(fleet: Fleet, before: float) -> str:
    """Otava's change points of the hourly tokens/s, within three hours of the upgrade."""
    windows = fleet.windows
    hour = ((windows.time - windows.time.min()) // 3600).astype(int)
    rates = np.bincount(hour, windows.column("decode_tokens"))
    change_points, _ = compute_change_points(
        [float(rate) for rate in rates], window_len=30, max_pvalue=0.001, min_magnitude=0.05
    )
    near = [point for point in change_points if abs(point.index - before) <= 3]
    if not near:
        return "neither"
    return "regression" if near[0].stats.mean_2 < near[0].stats.mean_1 else "improvement"


def cases(seeds: int, first: int) -> Iterator[Case]:
    """Yield the table's cells: no effect under every confounder, effects under none and all."""
    for name in DESIGNS:
        for shape in ("dense", "moe"):
            for scenario in CONFOUNDERS:
                effects = [0.0]
                if scenario in ("none", "all at once") and name != "before/after 6 h + 6 h":
                    effects += [-0.05, -0.10, 0.56]
                for effect in effects:
                    for k in range(seeds):
                        yield Case(name, shape, scenario, effect, first + k)


def row(outcomes: list[Outcome]) -> str:
    """Return one line of the table."""
    case, n = outcomes[0].case, len(outcomes)

    def share(word: str) -> float:
        return 100 * sum(outcome.verdict == word for outcome in outcomes) / n

    ratios = np.array([outcome.ratio for outcome in outcomes])
    covered = [outcome.covered for outcome in outcomes if outcome.covered is not None]
    bias = 100 * (np.nanmean(ratios) - 1 - case.effect) if covered else float("nan")
    coverage = 100 * np.mean(covered) if covered else float("nan")
    hand = "  ".join(
        f"{100 * sum(outcome.by_hand[rule] == 'regression' for outcome in outcomes) / n:3.0f}/"
        f"{100 * sum(outcome.by_hand[rule] == 'improvement' for outcome in outcomes) / n:3.0f}"
        for rule in outcomes[0].by_hand
    )
    words = ("regression", "improvement", "equivalent", "inconclusive", "not_comparable")
    shares = " ".join(f"{share(word):5.1f}" for word in words)
    return (
        f"{case.design:25s} {case.shape:5s} {case.scenario:17s} {100 * case.effect:+4.0f} "
        f"| {shares} | {bias:+5.1f} {coverage:5.0f} | {hand}"
    )


def main() -> None:
    """Run the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=4, help="fleets for each cell")
    arguments.add_argument("--first", type=int, default=1_000, help="the first seed")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--only", default="", help="a part of the designs' names")
    arguments.add_argument("--effect", type=float, help="only this true effect")
    options = arguments.parse_args()
    todo = [
        case
        for case in cases(options.seeds, options.first)
        if options.only in f"{case.design} {case.shape} {case.scenario}"
        and options.effect in (None, case.effect)
    ]
    begin = monotonic()
    print(
        f"{len(todo)} fleets; regression/improvement by hand: tok/s, ITL, Mann-Whitney on each"
        + (", Otava on hourly tok/s (before and after)" if compute_change_points else "")
    )
    print(
        f"{'design':25s} {'curve':5s} {'beside':17s} true |   reg   imp   eq.     ?    nc "
        "|  bias cover | by hand"
    )
    totals: list[Outcome] = []
    with multiprocessing.Pool(options.jobs) as pool:
        results = pool.imap(judge, todo, chunksize=2)
        for _, group in groupby(
            results, key=lambda o: (o.case.design, o.case.shape, o.case.scenario, o.case.effect)
        ):
            members = list(group)
            totals += members
            print(row(members), flush=True)
    print(summary(totals))
    print(f"compare: {len(todo)} fleets judged in {monotonic() - begin:.0f} s")


def summary(outcomes: list[Outcome]) -> str:
    """Return the figures the table is held to."""
    lines = list[str]()
    for name in DESIGNS:
        alike = [o for o in outcomes if o.case.design == name and o.case.effect == 0]
        if alike:
            wrong = [o.verdict in ("regression", "improvement") for o in alike]
            hand = {
                rule: 100 * np.mean([o.by_hand[rule] != "neither" for o in alike])
                for rule in alike[0].by_hand
            }
            covered = [
                o.covered for o in outcomes if o.case.design == name and o.covered is not None
            ]
            lines.append(
                f"{name}: {len(alike)} fleets without a change, wrong calls "
                f"{100 * np.mean(wrong):.1f} %; by hand "
                + ", ".join(f"{rule} {share:.0f} %" for rule, share in hand.items())
                + (f"; interval holds the truth {100 * np.mean(covered):.0f} %" if covered else "")
            )
    sign = [
        o
        for o in outcomes
        if (o.case.effect < 0 and o.verdict == "improvement")
        or (o.case.effect > 0 and o.verdict == "regression")
    ]
    changed = sum(o.case.effect != 0 for o in outcomes)
    lines.append(f"called with the opposite sign: {len(sign)} of {changed}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
