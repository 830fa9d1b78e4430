"""Upgrades of real servers, compared from recorded runs, and what runs of one set-up differ by.

`python -m scripts.real_upgrades --write` puts the table into README.md, and into docs/compare.md
the floor of a run's spread and how often made runs are called. The real runs are the replicates in
`tests/recordings/replicates`.
"""

import argparse
from collections.abc import Iterator, Mapping
from math import ceil, log, log1p, sqrt
from pathlib import Path
from typing import Final

import numpy as np

from alerts.values import load
from exporter.compare.assess.result import Comparison, Estimate, RunSpread
from exporter.compare.assess.verdict import p_value
from exporter.compare.options import Options
from exporter.compare.replicates.effect import RUN_STDDEV, effect_of_runs
from exporter.compare.run import run
from exporter.vocabulary.verdict import VERDICTS
from scripts.bench.document import with_sections

ROOT: Final = Path(__file__).parent.parent
REPLICATES: Final = ROOT / "tests" / "recordings" / "replicates"
COUNTS: Final = ((2, 2), (3, 3), (5, 5), (2, 5), (5, 2))
ROUNDS: Final = 2000
SEED: Final = 20_000
ALPHA: Final = 0.05
MODELS: Final = {"dense": "dense 8B", "moe": "MoE 30B-A3B"}


def main() -> None:
    """Compare the runs of both models; print the sections or write them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="write the two documents")
    write = arguments.parse_args().write
    for name, texts in sections().items():
        path = ROOT / name
        if write:
            path.write_text(with_sections(path.read_text("utf-8"), texts), "utf-8")
        else:
            print(name, *texts.values(), sep="\n\n", end="\n\n")


def sections() -> dict[str, dict[str, str]]:
    """Return the sections of each document by its name."""
    comparisons = {model: compared(model) for model in MODELS}
    return {
        "README.md": {"replicates": _table(comparisons)},
        "docs/compare.md": {
            "run floor": _floor(list(comparisons.values())),
            "run calls": _calls(),
        },
    }


def compared(model: str) -> Comparison:
    """Return the comparison of the model's runs with runner v2 against those with v1."""
    sides = (
        tuple(str(path) for path in sorted(REPLICATES.glob(f"vllm-{model}-*-{runner}-*.tar.xz")))
        for runner in ("v1", "v2")
    )
    baseline, candidate = sides
    matched = load().matched
    options = Options(
        baseline_recordings=baseline,
        candidate_recordings=candidate,
        margin=matched.margin,
        warm_up=matched.warm_up,
    )
    return run(options).comparisons[0]


def run_stddev(comparisons: list[Comparison]) -> float:
    """Return the standard deviation of a run's log index, pooled over the sides of comparisons."""
    differences = [
        log(1.0 - side)
        for comparison in comparisons
        if (spread := comparison.measures[0].run_spread)
        for side in (spread.baseline, spread.candidate)
        if side is not None
    ]
    # two runs that differ by d have the variance d^2 / 2
    return sqrt(sum(difference**2 for difference in differences) / (2.0 * len(differences)))


def _floor(comparisons: list[Comparison]) -> str:
    measured = run_stddev(comparisons)
    if not measured <= RUN_STDDEV < measured + 0.001:
        raise SystemExit(f"RUN_STDDEV must be {ceil(1000.0 * measured) / 1000.0}")
    return (
        f"On one host with four H200 it was {100.0 * measured:.2f} % over four pairs of servers "
        "set up alike, two with a dense model and two with a mixture of experts; "
        f"{100.0 * RUN_STDDEV:g} % is taken (`python -m scripts.real_upgrades --write`)."
    )


def call_rate(
    runs: tuple[int, int], effect: float, stddevs: tuple[float, float], margin: float
) -> float:
    """Return how often sides of made runs that differ by an effect are called for a change.

    `effect` and `stddevs` are of the log of a run's speed.
    """
    random, calls = np.random.default_rng(SEED), 0
    for _ in range(ROUNDS):
        baseline = random.normal(0.0, stddevs[0], runs[0])
        candidate = random.normal(effect, stddevs[1], runs[1])
        estimated = effect_of_runs(baseline, candidate)
        if estimated is not None and abs(estimated.estimate) >= log1p(margin):
            calls += p_value(estimated) < ALPHA
    return calls / ROUNDS


def _calls() -> str:
    margin = load().matched.margin
    lines = [
        "| runs of the baseline, of the candidate | no change, both sides spread by 3 %: called "
        "| no change, the candidate's by 9 %: called | -5 %, both spread by 1 %: found |",
        "|---|---|---|---|",
    ]
    for runs in COUNTS:
        rates = (
            call_rate(runs, 0.0, (0.03, 0.03), margin),
            call_rate(runs, 0.0, (0.03, 0.09), margin),
            call_rate(runs, log(0.95), (0.01, 0.01), margin),
        )
        lines.append(_row(f"{runs[0]}, {runs[1]}", [f"{100.0 * rate:.0f} %" for rate in rates]))
    return "\n".join(lines)


def _row(name: str, texts: list[str]) -> str:
    return f"| {name} | {' | '.join(texts)} |"


def _table(comparisons: Mapping[str, Comparison]) -> str:
    """Return a row for decoding and one for each phase, with two columns for each model."""
    titles = [f"{MODELS[model]}: v2 over v1 | runs of v1 / v2 differ by" for model in comparisons]
    columns = [list(_column(comparison)) for comparison in comparisons.values()]
    lines = [f"| | {' | '.join(titles)} |", "|---|" + "---|---|" * len(columns)]
    for row in zip(*columns, strict=True):
        lines.append(f"| {row[0][0]} | {' | '.join(texts for _, texts in row)} |")
    verdicts = ", ".join(
        f"{MODELS[model]} {VERDICTS[comparison.verdict]}"
        for model, comparison in comparisons.items()
    )
    called = [
        f"{phase.phase} ({MODELS[model]}, {VERDICTS[phase.verdict]})"
        for model, comparison in comparisons.items()
        for phase in comparison.phases
        if phase.verdict in ("regression", "improvement")
    ]
    phases = f"phases called: {', '.join(called)}" if called else "no phase can be called"
    lines += ["", f"The verdicts: {verdicts}; {phases}."]
    return "\n".join(lines)


def _column(comparison: Comparison) -> Iterator[tuple[str, str]]:
    decode = comparison.measures[0]
    yield "decode at equal load", _texts(decode.estimate, decode.run_spread)
    for phase in comparison.phases:
        yield phase.phase, _texts(phase.estimate, phase.run_spread)


def _texts(estimate: Estimate | None, spread: RunSpread | None) -> str:
    if estimate is None or spread is None:
        raise SystemExit("a side has fewer than two runs")
    ratios = estimate.ratio, estimate.lower, estimate.upper
    change, lower, upper = (f"{100.0 * (ratio - 1.0):+.1f}" for ratio in ratios)
    old, new = (f"{100.0 * (side or 0.0):.1f}" for side in (spread.baseline, spread.candidate))
    return f"**{change}** ({lower} to {upper}) | {old} / {new}"


if __name__ == "__main__":
    main()
