"""Durations, sizes and shares: what is read, and the sentence for what is not."""

import pytest

from exporter.base.units import parse_duration, parse_share, parse_size


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


@pytest.mark.parametrize("text", ["", "5", "5x", "5s1m", "1m1m", "-1s", " 5s", "s", "1.s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write it like 5s, 500ms or 1m30s") as bad:
        parse_duration(text)
    assert repr(text) in str(bad.value)


def test_sizes() -> None:
    sizes = [parse_size(text) for text in ("65536", "1B", "2 KiB", "16MiB", "1GiB")]
    assert sizes == [65536, 1, 2048, 16 << 20, 1 << 30]
    with pytest.raises(ValueError, match="'1MB' is no size; write it like 16MiB or 65536"):
        parse_size("1MB")


def test_shares() -> None:
    assert [parse_share(text) for text in ("3%", "0.03", "12.5 %", "0", "100%")] == pytest.approx(
        [0.03, 0.03, 0.125, 0.0, 1.0]
    )
    for text in ("", "3", "101%", "-3%", "nan", "some"):
        with pytest.raises(ValueError, match=r"is no share; write it like 3% or 0\.03"):
            parse_share(text)
