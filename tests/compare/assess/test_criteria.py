"""The level of a look follows from what hours can still average out."""

from types import SimpleNamespace
from typing import cast

import pytest

from exporter.compare.assess.criteria import Criteria
from exporter.compare.estimate.design import Design
from exporter.compare.estimate.spending import look_level
from exporter.compare.statistics.effect import Effect

CRITERIA = Criteria(0.03, 0.05, horizon=24.0)
EFFECT = Effect(0.0, 0.01, 10.0, "hours", 0.0)


def level(hours: float, shared: float) -> float:
    """Return the level of a look at an effect of which so much of the standard error stays."""
    design = cast(Design, SimpleNamespace(hours=(48.0, hours), shared_stderr=shared))
    return CRITERIA.at_look(EFFECT, design).alpha


def test_what_is_known_at_a_look_is_the_part_of_what_the_last_will_know() -> None:
    assert level(6.0, 0.0) == pytest.approx(look_level(0.05, 0.25))
    assert level(24.0, 0.0) == pytest.approx(look_level(0.05, 1.0))
    assert level(48.0, 0.0) == pytest.approx(look_level(0.05, 2.0))


@pytest.mark.parametrize("hours", [0.5, 24.0, 100.0])
@pytest.mark.parametrize("shared", [0.01, 0.02])
def test_an_error_that_stays_makes_every_look_the_last(hours: float, shared: float) -> None:
    """What is known of it beforehand may be more than what the servers show."""
    assert level(hours, shared) == pytest.approx(look_level(0.05, 1.0))


def test_a_single_look_has_the_whole_level() -> None:
    design = cast(Design, SimpleNamespace(hours=(48.0, 6.0), shared_stderr=0.0))
    assert Criteria(0.03, 0.05).at_look(EFFECT, design).alpha == 0.05
