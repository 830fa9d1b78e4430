"""Releases exchanged between servers: a design of its own, in which machines do not count."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.fleet.arrays import Floats
from exporter.compare.statistics.effect import estimate_effect
from tests.compare.estimate.test_design import chosen, windows
from tests.compare.statistics.test_regression import upgraded_nodes


def lives(forward: str, backward: str, hours: float = 4.0) -> list[tuple[str, str, float, float]]:
    """Return servers that ran the old release first, and others that ran the new one first."""
    order = {**dict.fromkeys(forward, ("old", "new")), **dict.fromkeys(backward, ("new", "old"))}
    return [
        (node, release, period * hours, (period + 1) * hours)
        for node, releases in order.items()
        for period, release in enumerate(releases)
    ]


def test_exchanged_releases_are_a_crossover() -> None:
    design = chosen(windows(*lives("ab", "cd")))
    assert (design.kind, design.fault, design.servers) == ("crossover", "", (4, 4))
    assert list(design.treated_arm) == [False, False, True, True]
    assert design.node_effects
    assert design.concurrent


def test_a_past_on_the_old_release_is_used() -> None:
    past = [(node, "old", -24.0, 0.0) for node in "abcd"]
    design = chosen(windows(*past, *lives("ab", "cd")))
    assert design.kind == "crossover"
    assert design.hours[0] > 24


@pytest.mark.parametrize(
    "servers",
    [
        lives("abc", "d"),
        [*lives("ab", ""), ("c", "old", 0, 8), ("d", "old", 0, 8)],
        lives("ab", "cd", hours=0.9),
    ],
    ids=["one way back", "none way back", "too short"],
)
def test_what_is_no_exchange(servers: list[tuple[str, str, float, float]]) -> None:
    assert chosen(windows(*servers)).kind != "crossover"


def exchanged(machines: Floats, change: float) -> float:
    """Return the effect found among four machines, two of each order."""
    regression = upgraded_nodes(5, nodes=4)
    second = regression.block >= 6
    arm = np.array([True, True, False, False])
    treated = (arm[regression.node] != second).astype(float)
    y = regression.y + machines[regression.node] + change * treated
    effect = estimate_effect(
        replace(regression, y=y, treated=treated, treated_arm=arm), minimum_stderr=0.004
    )
    assert effect is not None
    assert effect.stderr < 0.01
    return effect.estimate


def test_machines_cancel() -> None:
    alike, different = np.zeros(4), np.array([0.1, 0.05, -0.05, -0.1])
    assert exchanged(different, -0.05) == pytest.approx(exchanged(alike, -0.05), abs=1e-9)
    assert exchanged(different, -0.05) == pytest.approx(-0.05, abs=0.01)
