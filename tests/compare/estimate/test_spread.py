"""What other servers differ by is learnt from them, with as many degrees of freedom as it has."""

from collections.abc import Sequence

import numpy as np
import pytest

from exporter.compare.estimate import observations
from exporter.compare.estimate.spread import LearntSpread, learn_spread, other_servers
from tests.compare.estimate.machines import Life, made_fleet


def learnt(
    lives: Sequence[Life], compared: Sequence[str] = (), warm_up: float = 0.0, noise: float = 0.003
) -> LearntSpread | None:
    fleet = made_fleet(lives, noise=noise)
    windows = fleet.windows
    flags = [life.node not in compared for life in lives]
    nodes = [life.node for life in lives]
    others = other_servers(windows, nodes, flags, fleet.facts, warm_up)
    if others is None:
        return None
    return learn_spread(observations.decode(others.windows), others)


def side(
    release: str, slowness: Sequence[float], first: float = 0.0, last: float = 12.0
) -> list[Life]:
    return [Life(f"{release}-{i}", release, first, last, each) for i, each in enumerate(slowness)]


def test_the_deviation_is_that_of_the_machines() -> None:
    slowness = (0.02, -0.01, 0.0, 0.015, -0.025)
    found = learnt(side("a", slowness))
    assert found is not None
    assert np.sqrt(found.variance.value) == pytest.approx(np.std(slowness, ddof=1), rel=0.05)
    assert found.variance.degrees_of_freedom == 4
    assert (found.servers, found.releases) == (5, ("a",))


def test_a_release_that_is_slower_is_no_spread() -> None:
    """A level is known within a release alone: of two groups each costs a degree of freedom."""
    found = learnt([*side("a", (0.0,) * 3), *side("b", (0.3,) * 3)])
    assert found is not None
    assert np.sqrt(found.variance.value) < 0.002
    assert found.variance.degrees_of_freedom == 4
    assert found.releases == ("a", "b")


def test_a_node_counts_once() -> None:
    lives = side("a", (0.02, -0.02, 0.01, -0.01), last=12.0)
    again = [Life(life.node, "b", 12.0, 18.0, life.slowness) for life in lives]
    found = learnt([*lives, *again])
    assert found is not None
    assert found.variance.degrees_of_freedom == 3
    assert found.servers == 4


def test_what_is_compared_is_no_other_server() -> None:
    lives = side("a", (0.02, -0.02, 0.0))
    found = learnt(lives, compared=("a-0",))
    assert found is not None
    assert found.servers == 2
    assert learnt(lives, compared=("a-0", "a-1", "a-2")) is None
    assert learnt(lives, compared=("a-0", "a-1")) is None


def test_servers_that_never_ran_at_the_same_time_tell_nothing_of_each_other() -> None:
    """The hour cannot be told from the machine: two pairs have a degree of freedom each."""
    early = side("a", (0.01, -0.01), 0.0, 6.0)
    late = [Life(f"late-{i}", "a", 6.0, 12.0, 0.2 + each) for i, each in enumerate((0.01, -0.01))]
    found = learnt([*early, *late])
    assert found is not None
    assert found.variance.degrees_of_freedom == 2
    assert np.sqrt(found.variance.value) == pytest.approx(0.01 * np.sqrt(2), rel=0.1)
    alone = [Life("a-0", "a", 0.0, 6.0), Life("a-1", "a", 6.0, 12.0, 0.2)]
    assert learnt(alone) is None


def test_servers_linked_by_a_third_are_compared() -> None:
    early, late = Life("a-0", "a", 0.0, 6.0), Life("a-1", "a", 6.0, 12.0, 0.03)
    found = learnt([early, late, Life("a-2", "a", 0.0, 12.0)])
    assert found is not None
    assert found.variance.degrees_of_freedom == 2
    assert np.sqrt(found.variance.value) == pytest.approx(0.03 / np.sqrt(3), rel=0.1)


def test_warm_up_is_left_out() -> None:
    started = [Life(f"a-{i}", "a", 0.0, 6.0, started=True) for i in range(3)]
    found = learnt(started, warm_up=3600.0)
    assert found is not None
    assert learnt(started, warm_up=6.5 * 3600.0) is None


def test_a_server_with_next_to_no_data_is_not_counted() -> None:
    found = learnt([*side("a", (0.0,) * 3), Life("a-9", "a", 0.0, 1.0, 0.5)])
    assert found is not None
    assert found.servers == 3
    assert np.sqrt(found.variance.value) < 0.002
