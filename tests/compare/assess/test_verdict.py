"""From effect to verdict, exit code and Holm."""

from math import log

import pytest

from exporter.compare.assess.verdict import (
    EXIT,
    holm,
    minimum_detectable_effect,
    p_value,
    required_sample_size,
    verdict_of,
    worst,
)
from exporter.compare.assess.wording import percent_change
from exporter.compare.statistics.effect import Effect
from exporter.vocabulary.verdict import Verdict


def effect_of(
    change: float, stderr: float, degrees_of_freedom: float = 20.0, limited_by: str = "hours"
) -> Effect:
    return Effect(log(1 + change), stderr, degrees_of_freedom, limited_by, 0.004)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [
        (effect_of(-0.05, 0.01), "regression"),
        (effect_of(0.05, 0.01), "improvement"),
        (effect_of(0.001, 0.01), "equivalent"),
        (effect_of(0.001, 0.02), "inconclusive"),
        # sure, but too small to matter, and not sure enough to be nothing
        (effect_of(-0.025, 0.005), "inconclusive"),
        (effect_of(-0.05, 0.03), "inconclusive"),
    ],
)
def test_a_call_needs_the_interval_and_the_margin(effect: Effect, verdict: Verdict) -> None:
    assert verdict_of(effect, 0.03, 0.05) == verdict


def test_what_is_detectable_and_what_is_required() -> None:
    effect = effect_of(-0.02, 0.02)
    # t(0.975, 20) + t(0.8, 20) = 2.086 + 0.860
    smallest = minimum_detectable_effect(effect, 0.05)
    assert smallest == pytest.approx(2.718281828 ** (2.946 * 0.02) - 1, abs=1e-4)
    more = required_sample_size(effect, 0.03, 0.05, servers=4, hours=6.0)
    assert more.hours is not None
    assert more.servers is not None
    assert 25 < more.hours < 35
    assert 16 < more.servers < 24
    assert (
        required_sample_size(effect_of(-0.02, 0.02, limited_by="servers"), 0.03, 0.05, 4, 6.0).hours
        is None
    )
    # what no data shows is not promised
    assert required_sample_size(effect_of(-0.02, 0.02), 0.005, 0.05, 4, 6.0).servers is None
    assert p_value(effect_of(0.0, 0.01)) == pytest.approx(1.0)


def test_holm_is_a_step_down() -> None:
    assert holm([0.001, 0.04, 0.02], 0.05) == [True, True, True]
    assert holm([0.001, 0.04, 0.03], 0.05) == [True, False, False]
    assert holm([0.03], 0.05) == [True]
    assert holm([], 0.05) == []
    # what was not tested counts for nothing
    assert holm([None, 0.03, None, 0.02], 0.05) == [False, True, False, True]
    assert holm([None], 0.05) == [False]


def test_the_exit_codes_of_a_gate() -> None:
    assert EXIT == {
        "improvement": 0,
        "equivalent": 0,
        "regression": 1,
        "inconclusive": 2,
        "not_comparable": 3,
    }
    assert worst(["equivalent", "regression", "not_comparable"]) == "regression"
    assert worst([]) == "not_comparable"


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.9999, "+0.0 %"), (1.0, "+0.0 %"), (0.9, "-10.0 %"), (1.56, "+56.0 %")]
)
def test_a_change_of_nothing_is_not_below_zero(ratio: float, text: str) -> None:
    assert percent_change(ratio) == text
