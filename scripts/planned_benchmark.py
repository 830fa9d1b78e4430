"""What came of a benchmark that `bench-plan` planned: the verdict, and the load client's figures.

`python -m scripts.planned_benchmark --write` puts the table and what it says into
docs/bench-plan.md. The runs are
those in `tests/recordings/benchmark`, named as the plan's script names them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Final

from alerts.values import load
from exporter.compare.assess.result import Comparison, Estimate, PhaseEffect, RunSpread
from exporter.compare.options import Options
from exporter.compare.run import run
from exporter.vocabulary.verdict import VERDICTS
from scripts.bench.document import with_sections

ROOT: Final = Path(__file__).parent.parent
RUNS: Final = ROOT / "tests" / "recordings" / "benchmark"
DOCUMENT: Final = "docs/bench-plan.md"
EFFECT: Final = 0.032
"""What the plan was made to find; the margin is half of it."""


def main() -> None:
    """Compare the runs; print the section or write it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="write the document")
    path = ROOT / DOCUMENT
    if arguments.parse_args().write:
        path.write_text(with_sections(path.read_text("utf-8"), sections()), "utf-8")
    else:
        print(*sections().values(), sep="\n\n")


def compared() -> Comparison:
    """Return the comparison of the runs."""
    baseline, candidate = (
        tuple(str(path) for path in sorted(RUNS.glob(f"*-{side}.tar.xz")))
        for side in ("baseline", "candidate")
    )
    options = Options(
        baseline_recordings=baseline,
        candidate_recordings=candidate,
        margin=EFFECT / 2.0,
        warm_up=load().matched.warm_up,
    )
    return run(options).comparisons[0]


def sections() -> dict[str, str]:
    """Return the sections of the document by their names."""
    comparison = compared()
    decode = comparison.measures[0]
    rows = [
        [
            "decoding at equal load",
            "",
            "",
            _change(decode.estimate),
            _both(decode.run_spread),
            VERDICTS[decode.verdict],
        ],
        *(row for phase in comparison.phases for row in _phase(phase)),
    ]
    heads = ["", "baseline", "candidate", "change, %", "A/A, %", "verdict"]
    lines = [f"| {' | '.join(row)} |" for row in (heads, *rows)]
    lines.insert(1, "|---" * len(heads) + "|")
    table = "\n".join(lines)
    return {"planned benchmark": f"{table}\n\n{fill(_power(comparison), 110)}\n"}


def _power(comparison: Comparison) -> str:
    """Return which change the runs can find, how many are needed, and whether the clocks agree."""
    decode = comparison.measures[0]
    needed = decode.required_sample_size
    if decode.minimum_detectable_effect is None or needed is None or needed.servers is None:
        raise SystemExit("nothing is known of how many runs are needed")
    phases = comparison.phases
    inside = [
        phase
        for phase in phases
        if phase.cells_estimate is not None
        and phase.cells_estimate.lower < phase.client_ratio < phase.cells_estimate.upper
    ]
    return (
        f"The runs find a change of {decode.minimum_detectable_effect:.1%} in four of five cases; "
        f"the plan was made for {EFFECT:.1%}. To settle the margin of {EFFECT / 2.0:.1%} takes "
        f"about {needed.servers} runs a side. The client's change lies in the counters' interval "
        f"at {len(inside)} of {len(phases)} load points."
    )


def _phase(phase: PhaseEffect) -> Iterator[list[str]]:
    """Yield the rows of a load point: the client's figures, and what the server's counters say."""
    yield [
        f"{phase.phase}: client's tokens/s",
        f"{phase.baseline_rate:,.1f}",
        f"{phase.candidate_rate:,.1f}",
        _change(phase.estimate),
        _both(phase.run_spread),
        VERDICTS[phase.verdict],
    ]
    yield [
        f"{phase.phase}: from the server's counters",
        "",
        "",
        _change(phase.cells_estimate),
        "",
        "",
    ]
    for latency in phase.latencies:
        yield [
            f"{phase.phase}: client's {latency.name.replace('_', ' ')}, ms",
            f"{1e3 * latency.baseline:.4g}",
            f"{1e3 * latency.candidate:.4g}",
            _change(latency.estimate),
            _both(latency.run_spread),
            "",
        ]


def _change(estimate: Estimate | None) -> str:
    if estimate is None:
        raise SystemExit("a side has fewer than two runs")
    ratio, lower, upper = (
        f"{100.0 * (value - 1.0):+.1f}"
        for value in (estimate.ratio, estimate.lower, estimate.upper)
    )
    return f"{ratio} ({lower} to {upper})"


def _both(spread: RunSpread | None) -> str:
    if spread is None:
        raise SystemExit("nothing is known of how far runs differ")
    sides = spread.baseline, spread.candidate
    return " / ".join("-" if side is None else f"{100.0 * side:.1f}" for side in sides)


if __name__ == "__main__":
    main()
