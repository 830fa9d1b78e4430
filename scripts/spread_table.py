"""What an interval side by side is worth, by how far machines differ and what is known of it.

`python -m scripts.spread_table --write` puts the table into docs/compare.md. Fleets are no more
than a speed for each server and some noise by the hour: what is tried is what becomes of their
spread.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from alerts.values import load
from exporter.compare.assess.verdict import verdict_of
from exporter.compare.estimate.design import Design, choose_design
from exporter.compare.estimate.spread import LearntSpread, NodeKnowledge
from exporter.compare.fleet.arrays import Floats
from exporter.compare.statistics.effect import Variance, estimate_effect
from exporter.compare.statistics.regression import Regression
from scripts.bench.document import with_sections
from tests.compare.estimate.machines import Life, made_fleet

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "compare.md"
FLEETS: Final = 200
SEED: Final = 96_000
ALPHA: Final = 0.05
HOURS: Final = 6
NOISE: Final = 0.004
"""Standard deviation of a server's log speed from hour to hour."""
LOSS: Final = -0.05

Draw = Callable[[np.random.Generator, int], Floats]
SPREADS: Final[dict[str, Draw]] = {
    "0.7 %": lambda random, count: 0.007 * random.standard_normal(count),
    "1.5 %": lambda random, count: 0.015 * random.standard_normal(count),
    "1.5 %, a quarter slower by 6 %": lambda random, count: (
        0.015 * random.standard_normal(count) - 0.06 * (random.random(count) < 0.25)
    ),
}
SIDES: Final = ((2, 2), (4, 4), (8, 8), (8, 2))
OTHER_SERVERS: Final[dict[str, tuple[int, float]]] = {
    "none": (0, 1.0),
    "12": (12, 1.0),
    "12, four times as alike": (12, 0.25),
}
"""How many other servers there are, and how far they differ over how far the compared do."""


def main() -> None:
    """Print the table or write it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help=f"write the table of {DOCUMENT}")
    write = arguments.parse_args().write
    text = "\n".join(table())
    print(text)
    if write:
        DOCUMENT.write_text(with_sections(DOCUMENT.read_text(), {"spread": text}))


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        f"{FLEETS} made fleets a cell, {HOURS} h side by side, at the shipped margin "
        "(`.venv/bin/python -m scripts.spread_table --write`). No change: wrong calls / equivalent "
        f"/ the interval holds the truth; {100 * LOSS:.0f} %: found; in %."
    )
    yield ""
    heads = [f"{old} and {new} servers" for old, new in SIDES]
    yield "| machines differ by | other servers | " + " | ".join(heads) + " |"
    yield "|---|---|" + "---|" * len(SIDES)
    for name, draw in SPREADS.items():
        for others, (count, scale) in OTHER_SERVERS.items():
            cells = [cell(draw, sides, count, scale) for sides in SIDES]
            yield f"| {name} | {others} | " + " | ".join(cells) + " |"


def cell(draw: Draw, sides: tuple[int, int], others: int, scale: float) -> str:
    """Return what becomes of fleets with so many servers a side."""
    random, design = np.random.default_rng(SEED), _design(*sides)
    margin = load().matched.margin
    count = dict.fromkeys(("wrong", "equivalent", "covered", "found"), 0)
    for _ in range(FLEETS):
        level = draw(random, sum(sides))
        known = _learnt(scale * draw(random, others)) if others else None
        knowledge = NodeKnowledge(spread=known)
        noise = NOISE * random.standard_normal((sum(sides), HOURS))
        regression = _regression(design, level[:, None] + noise)
        spread = replace(design, learnt=knowledge).spread
        effect = estimate_effect(regression, design.minimum_stderr, spread)
        if effect is None:
            continue
        low, high = effect.interval(ALPHA)
        verdict = verdict_of(effect, margin, ALPHA)
        count["covered"] += low <= 0.0 <= high
        count["wrong"] += verdict in ("regression", "improvement")
        count["equivalent"] += verdict == "equivalent"
        # a loss moves the estimate by just that
        slower = replace(effect, estimate=effect.estimate + np.log1p(LOSS))
        count["found"] += verdict_of(slower, margin, ALPHA) == "regression"
    shares = {name: f"{100 * number / FLEETS:.0f}" for name, number in count.items()}
    return f"{shares['wrong']} / {shares['equivalent']} / {shares['covered']}; {shares['found']}"


def _design(old: int, new: int) -> Design:
    lives = [Life(f"old-{i}", "old", 0.0, HOURS) for i in range(old)]
    lives += [Life(f"new-{i}", "new", 0.0, HOURS) for i in range(new)]
    fleet = made_fleet(lives)
    candidate = [server.release == "new" for server in fleet.windows.servers]
    return choose_design(fleet.windows, candidate, fleet.facts, 0.0)


def _learnt(levels: Floats) -> LearntSpread:
    variance = Variance(float(levels.var(ddof=1)), len(levels) - 1.0)
    return LearntSpread(variance, len(levels), ("other",))


def _regression(design: Design, y: Floats) -> Regression:
    """Return the regression of log speeds by node and hour."""
    nodes, hours = y.shape
    node, hour = np.repeat(np.arange(nodes), hours), np.tile(np.arange(hours), nodes)
    return Regression(
        y.ravel(),
        np.ones(y.size),
        design.treated_arm[node].astype(np.float64),
        node,
        hour,
        design.treated_arm,
        design.node_effects,
        design.concurrent,
    )


if __name__ == "__main__":
    main()
