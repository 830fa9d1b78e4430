"""How often the upgrade rules find what is there and call what is not, on simulated fleets.

`make bench` prints it: a table of rates for the matched-load rules, the naive ratio of tokens per
second and the naive mean inter-token latency. Truth is known; seeds are not those the rules were
tuned on.
"""

import argparse
import math
import os
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from multiprocessing import Pool

# one process a core: the arrays are small
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

from alerts.recording.settings import Settings  # noqa: E402
from alerts.values import load  # noqa: E402
from exporter.vocabulary.verdict import Measure  # noqa: E402
from tests.sim.grid import Case, Outcome, aa_cases, effect_cases, judge  # noqa: E402

FIRST_SEED = 910_000_000


def main() -> None:
    """Run the grid and print it as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--aa", type=int, default=40, help="fleets for each A/A case")
    arguments.add_argument("--effects", type=int, default=25, help="fleets for each effect")
    arguments.add_argument("--measure", choices=("decode", "prefill"), default="decode")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--nice", type=int, default=10)
    arguments.add_argument("--first-seed", type=int, default=FIRST_SEED)
    options = arguments.parse_args()
    os.nice(options.nice)
    plan = [(case, options.aa) for case in aa_cases()]
    plan += [(case, options.effects) for case in effect_cases()]
    settings = load().matched
    jobs = [
        (case, options.first_seed + 1000 * i + k, settings, options.measure)
        for i, (case, count) in enumerate(plan)
        for k in range(count)
    ]
    with Pool(options.processes) as pool:
        outcomes = iter(pool.imap(_outcome, jobs, chunksize=4))
        results = [(case, list(islice(outcomes, count))) for case, count in plan]
    results = [(case, outcomes) for case, outcomes in results if outcomes]
    aa = [(case, out) for case, out in results if case.effect == 0 and case.engine == "dense"]
    for design in dict.fromkeys(case.design for case, _ in aa):
        _print_aa(
            design, [(case, out) for case, out in aa if case.design == design], options.measure
        )
    _print_effects([(case, out) for case, out in results if case.effect or case.engine == "moe"])


def _outcome(job: tuple[Case, int, Settings, Measure]) -> Outcome:
    case, seed, settings, measure = job
    return judge(case, seed, settings, measure)


def _print_aa(design: str, rows: list[tuple[Case, list[Outcome]]], measure: Measure) -> None:
    count = len(rows[0][1])
    print(
        f"\nA version against itself, {design} servers upgraded, 24 h before, 6 h after, "
        f"{count} fleets a row, {measure}; wrong calls (regression / improvement):\n"
    )
    print(
        "| confounder | tok/s ±5 % | time between tokens ±5 % | rules | equivalent "
        "| not comparable |"
    )
    print("|---|---|---|---|---|---|")
    totals = []
    for case, outcomes in rows:
        rules = Counter(out.rules[measure][0] for out in outcomes)
        naive = [
            Counter(getattr(out, name) for out in outcomes)
            for name in ("throughput", "inter_token_latency")
        ]
        wrong = [_wrong(counts, count) for counts in (*naive, rules)]
        totals.append([sum(pair) for pair in wrong])
        cells = [f"{r:.0f} / {i:.0f}" for r, i in wrong]
        cells += [f"{100 * rules[v] / count:.0f}" for v in ("equivalent", "not_comparable")]
        print(f"| {case.scenario} | " + " | ".join(cells) + " |")
    mean, worst = np.mean(totals, axis=0), np.max(totals, axis=0)
    print(
        "| **mean (worst)** | "
        + " | ".join(f"**{m:.1f} ({w:.1f})**" for m, w in zip(mean, worst, strict=True))
        + " | | |"
    )


def _wrong(counts: Counter[str], count: int) -> tuple[float, float]:
    return 100 * counts["regression"] / count, 100 * counts["improvement"] / count


def _print_effects(rows: Iterable[tuple[Case, list[Outcome]]]) -> None:
    print("\nTrue effects; right calls in %, and by the rules the wrong sign:\n")
    print(
        "| fleet | upgraded | confounder | effect | measure | at this load | tok/s "
        "| time between tokens | rules | wrong sign | not comparable | estimate | covered |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for case, outcomes in rows:
        count = len(outcomes)
        for measure in outcomes[0].rules:
            right = "regression" if case.effect < 0 else "improvement"
            wrong = "improvement" if case.effect < 0 else "regression"
            called = Counter(out.rules[measure][0] for out in outcomes)
            if not case.effect:
                right, wrong = "equivalent", "regression"
            estimated = [out for out in outcomes if not math.isnan(out.rules[measure][1])]
            estimates = [out.rules[measure][1] for out in estimated]
            covered = [
                out.rules[measure][2] <= out.true[measure] <= out.rules[measure][3]
                for out in estimated
                if math.isfinite(out.rules[measure][2])
            ]
            naive = [
                sum(getattr(out, name) == right for out in outcomes)
                for name in ("throughput", "inter_token_latency")
            ]
            short = f", {case.hours_after - 1:.1f} h" if case.hours_after < 6 else ""
            part = "" if case.part == "all" else f" {case.part}"
            print(
                f"| {case.engine}{short} | {case.design} | {case.scenario} "
                f"| {100 * case.effect:+.0f} %{part} | {measure} "
                f"| {_percent([out.true[measure] for out in outcomes])} "
                + "".join(f"| {100 * n / count:.0f} " for n in naive)
                + f"| {100 * called[right] / count:.0f} | {100 * called[wrong] / count:.0f} "
                f"| {100 * called['not_comparable'] / count:.0f} | {_percent(estimates)} "
                f"| {100 * float(np.mean(covered)) if covered else math.nan:.0f} |"
            )


def _percent(logarithms: list[float]) -> str:
    return f"{100 * math.expm1(float(np.mean(logarithms))):+.1f} %" if logarithms else "none"


if __name__ == "__main__":
    main()
