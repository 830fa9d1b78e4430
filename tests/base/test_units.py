"""Durations, sizes and shares: what is read, and the sentence for what is not."""

import re

import pytest

from exporter.base.units import (
    format_duration,
    format_utc,
    parse_change,
    parse_duration,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("1w2d", 777_600.0),
        ("1y", 31_536_000.0),
        ("0s", 0.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "5x", "5s1m", "1m1m", "-1s", "soon", "s", "1.s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write it like 5s, 500ms or 1m30s") as bad:
        parse_duration(text)
    assert repr(text) in str(bad.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5", "it lacks a unit: write 5s, 5m or 5h"),
        ("2.5", "it lacks a unit: write 2.5s, 2.5m or 2.5h"),
        (" 5s", "write 5s"),
        ("1d 2h", "write 1d2h"),
        ("2H", "write 2h"),
        ("7 days", "write 7d"),
        ("1 hour 30 mins", "write 1h30m"),
        ("90 Seconds", "write 90s"),
    ],
)
def test_what_a_duration_may_have_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match="is no duration; ") as bad:
        parse_duration(text)
    assert str(bad.value) == f"{text!r} is no duration; {meant}"
    for duration in re.findall(r"[0-9][0-9a-z.]*[smhd]\b", meant):
        parse_duration(duration)


def test_sizes() -> None:
    sizes = [parse_size(text) for text in ("65536", "1B", "2 KiB", "16MiB", "1GiB")]
    assert sizes == [65536, 1, 2048, 16 << 20, 1 << 30]
    with pytest.raises(ValueError, match="'1MB' is no size; write it like 16MiB or 65536"):
        parse_size("1MB")


def test_shares() -> None:
    assert [parse_share(text) for text in ("3%", "0.03", "12.5 %", "0", "100%")] == pytest.approx(
        [0.03, 0.03, 0.125, 0.0, 1.0]
    )
    with pytest.raises(ValueError, match=r"^'3' is no share; it lacks the %: write 3%, or 0\.03$"):
        parse_share("3")
    for text in ("", "101%", "-3%", "nan", "some"):
        with pytest.raises(ValueError, match=r"is no share; write it like 3% or 0\.03"):
            parse_share(text)


def test_changes() -> None:
    texts = ("+56%", "56 %", "-3%", "0.56", "-0.03", "+150%", "0", "1")
    assert [parse_change(text) for text in texts] == pytest.approx(
        [0.56, 0.56, -0.03, 0.56, -0.03, 1.5, 0.0, 1.0]
    )
    with pytest.raises(ValueError, match=r"^'\+56' is no change; it lacks the %: write \+56%, or"):
        parse_change("+56")
    for text in ("", "+", "--3%", "+-3%", "1.56x", "nan", "-7"):
        with pytest.raises(ValueError, match=r"is no change; write it like \+56% or \+0\.56"):
            parse_change(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (168, "3 min"), (3600, "60 min"), (26_640, "7.4 h")],
)
def test_durations_to_read(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_times_to_read() -> None:
    assert format_utc(1_778_414_400.0) == "2026-05-10 12:00 UTC"
