"""Forecasts: what is harder takes longer, and nothing is told of a past that is too short."""

from dataclasses import replace

import pytest

from exporter.compare.fleet.windows import Fleet
from exporter.compare.forecast.forecast import LEAST_DAYS, LEAST_PAST, Terms, Wait, forecast
from exporter.compare.forecast.rollout import Rollout
from tests.sim.comparison import simulate_comparison
from tests.sim.scenario import Scenario

WAIT = 3 * 3600.0
TERMS = Terms(effect=0.05, margin=0.03, warm_up=3600.0, wait=WAIT)
CANARY = Rollout("canary", 2, 4)
# nothing but the engine's own noise
QUIET = Scenario(host_sd=0.0, wander_sd=0.001, common_sd=0.0, neighbours=-1.0)
NOISY = Scenario(wander_sd=0.06)


def fleet_of(scenario: Scenario, hours: float = 11.0) -> Fleet:
    return simulate_comparison(3, scenario=scenario, share=0.0, servers=4, before=hours, after=0.0)


@pytest.fixture(scope="module")
def quiet() -> Fleet:
    """Four servers that are alike at all times."""
    return fleet_of(QUIET)


def test_a_larger_loss_is_found_no_later(quiet: Fleet) -> None:
    small, large = (forecast(quiet, CANARY, replace(TERMS, effect=size)) for size in (0.05, 0.20))
    assert small is not None
    assert large is not None
    hours = zip(large.loss.hours, small.loss.hours, strict=True)
    assert all(late is None or (early is not None and early <= late) for early, late in hours)
    assert large.no_change == small.no_change


def test_a_loss_below_the_margin_is_none(quiet: Fleet) -> None:
    small = forecast(quiet, CANARY, replace(TERMS, effect=0.005))
    assert small is not None
    assert small.loss.decided == ()


def test_servers_that_differ_from_hour_to_hour_take_longer(quiet: Fleet) -> None:
    calm, wild = forecast(quiet, CANARY, TERMS), forecast(fleet_of(NOISY), CANARY, TERMS)
    assert calm is not None
    assert wild is not None
    assert calm.wrong_calls == 0
    assert len(wild.no_change.decided) < len(calm.no_change.decided)


def test_the_same_past_gives_the_same_hours(quiet: Fleet) -> None:
    assert forecast(quiet, CANARY, TERMS) == forecast(quiet, CANARY, TERMS)


@pytest.mark.parametrize(
    ("rollout", "needed"),
    [(CANARY, LEAST_PAST + WAIT), (Rollout("all at once", 4, 4), LEAST_DAYS)],
)
def test_a_past_that_is_too_short_tells_nothing(rollout: Rollout, needed: float) -> None:
    hours = needed / 3600.0
    assert forecast(fleet_of(QUIET, hours - 0.5), rollout, TERMS) is None
    assert forecast(fleet_of(QUIET, hours + 0.5), rollout, TERMS) is not None


def test_a_start_empties_the_cache_and_it_fills_again(quiet: Fleet) -> None:
    terms = replace(TERMS, cached=0.5)
    factors = [terms.cold_prompts(3600.0 * hours) for hours in (0.01, 1.0, 4.0, 1000.0)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == pytest.approx(2.0, rel=0.01)
    assert factors[-1] == pytest.approx(1.0, rel=0.01)
    assert TERMS.cold_prompts(3600.0) == 1.0
    warm, cold = forecast(quiet, CANARY, TERMS), forecast(quiet, CANARY, terms)
    assert warm is not None
    assert cold is not None
    assert len(cold.no_change.decided) <= len(warm.no_change.decided)


def test_the_median_is_over_all_of_them() -> None:
    assert Wait((1.0, None, 3.0)).median == 3.0
    assert Wait((1.0, None, None)).median is None
    assert Wait((3.0, None, 1.0)).decided == (1.0, 3.0)
