"""The numbers that stand for nothing, in every unit they may have come to, and no others."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.gpu.page import blanks
from exporter.gpu.page.blanks import is_valid

INT32 = st.integers(2147483632, 2147483635)
INT64 = st.integers(9223372036854775792, 9223372036854775795)
DOUBLE = st.sampled_from([140737488355328.0 + i for i in range(4)])
SCALES = st.sampled_from([1.0, 1e-3, 1e3, 1e6, 0.01, 1e-9, 1024.0, 1048576.0])


@given(st.one_of(INT32, INT64, DOUBLE), SCALES)
def test_a_blank_tells_nothing_in_any_unit(blank: float, scale: float) -> None:
    assert not is_valid(blank * scale)


@given(st.one_of(INT32, INT64, DOUBLE), st.sampled_from(["{}", "{:f}", "{!r}", "{:.16g}"]))
def test_a_blank_tells_nothing_however_it_is_written(blank: float, form: str) -> None:
    assert not is_valid(float(form.format(blank)))
    assert not is_valid(float(form.format(float(blank))))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, -0.001])
def test_what_no_gpu_can_say(value: float) -> None:
    assert not is_valid(value)


@given(st.floats(0, 2e6))
def test_watts_degrees_ratios_and_mebibytes_are_told(value: float) -> None:
    near = any(abs(value - blank) < 1e-3 for blank in (2.147483633, 2147.483633, 140737.4883))
    assert is_valid(value) or near


@given(st.integers(0, 2**20))
def test_whole_pages_of_memory_are_told(pages: int) -> None:
    assert is_valid(float(pages * 1048576))
    assert is_valid(float(pages))


@pytest.mark.parametrize(
    "value", [0.0, 2147483648.0, 2147483631.0, 2147483636.0, 2.0**31 - 1, 2.0**43, 1e15, 7e17]
)
def test_numbers_beside_the_blanks_are_told(value: float) -> None:
    assert is_valid(value)


def test_the_windows_do_not_overlap() -> None:
    assert all(one[1] < two[0] for one, two in pairwise(blanks._WINDOWS))
