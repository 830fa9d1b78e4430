"""Slopes of made series: what rises is not called flat, and what wavers is."""

from math import sin
from random import Random

import pytest

from scripts.soak.trend import trend

SECONDS = [5.0 * i for i in range(720)]


def test_a_line_has_its_slope_and_no_error() -> None:
    found = trend(SECONDS, [100 + 36 * seconds / 3600 for seconds in SECONDS])
    assert found.slope == pytest.approx(36)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert not found.flat


def test_noise_and_waves_are_flat_and_a_rise_in_them_is_not() -> None:
    random = Random(3)
    noise = [random.gauss(60, 2) + 3 * sin(seconds / 40) for seconds in SECONDS]
    assert trend(SECONDS, noise).flat
    rising = [value + 8 * seconds / 3600 for value, seconds in zip(noise, SECONDS, strict=True)]
    assert not trend(SECONDS, rising).flat


def test_what_does_not_move_is_flat() -> None:
    assert trend(SECONDS, [5.0] * len(SECONDS)).flat


def test_a_run_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="3 samples are too few"):
        trend([1, 2, 3], [1, 2, 3])
