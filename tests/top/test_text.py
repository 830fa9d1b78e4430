"""Numbers as people read them, and lines that are never too long."""

import pytest
from rich.text import Text

from exporter.derive.counters.histogram import Quantile, Share
from exporter.top.text import (
    bound_text,
    cell,
    flow,
    grid,
    percent_text,
    quantile_text,
    share_text,
    shortened,
    sparkline,
    wrapped,
)


@pytest.mark.parametrize(
    ("quantile", "text"),
    [
        (Quantile(0.0123, 0.01, 0.025), "12.3 ms"),
        (Quantile(None, None, 0.01), "<= 10 ms"),
        (Quantile(None, 80.0, None), "> 80 s"),
        (Quantile(None, None, None), "-"),
        (None, "-"),
    ],
)
def test_a_quantile_is_written_as_its_bound_where_it_has_no_value(
    quantile: Quantile | None, text: str
) -> None:
    assert quantile_text(quantile) == text


def test_lengths_are_written_in_tokens() -> None:
    assert quantile_text(Quantile(1234.4, 1000.0, 2000.0), tokens=True) == "1,234"
    assert quantile_text(Quantile(None, 5000.0, None), tokens=True) == "> 5,000"


def test_bounds_are_written_as_they_were_chosen() -> None:
    assert [bound_text(each) for each in (0.005, 0.3, 1.0, 2.5, 7680.0)] == [
        "5 ms",
        "300 ms",
        "1 s",
        "2.5 s",
        "7680 s",
    ]


def test_shares_near_the_ends_have_a_decimal() -> None:
    assert [percent_text(each) for each in (0.0, 0.004, 0.5, 0.994, 1.0)] == [
        "0%",
        "0.4%",
        "50%",
        "99.4%",
        "100%",
    ]
    assert share_text(Share(0.5, 0.9)) == "50% to 90%"
    assert share_text(Share(0.5, 0.5)) == "50%"
    assert share_text(None) == "-"


def test_cells_flow_and_fold_but_are_never_cut() -> None:
    cells = [cell("a", "1"), cell("b", "2" * 30), cell("c", "3")]
    for width in (1, 2, 7, 20, 80):
        lines = flow(cells, width)
        assert max(line.cell_len for line in lines) <= width
        kept = "".join(line.plain for line in lines).replace(" ", "")
        assert kept == "a1b" + "2" * 30 + "c3"
    assert [line.plain for line in flow(cells, 80)] == [f"a 1   b {'2' * 30}   c 3"]


def test_wide_characters_count_twice() -> None:
    lines = wrapped(Text("モデル" * 5), 7)
    assert [line.plain for line in lines] == ["モデル"] * 5
    assert shortened("モデルモデルモデル", 9) == "モデ~デル"


def test_a_grid_becomes_a_flow_where_it_does_not_fit() -> None:
    head, rows = ["", "p50", "p90"], [["first token", "12.3 ms", "<= 10 ms"]]
    assert [line.plain for line in grid(head, rows, 60)] == [
        "                   p50        p90",
        "first token    12.3 ms   <= 10 ms",
    ]
    assert [line.plain for line in grid(head, rows, 29)] == [
        "                p50      p90",
        "first token 12.3 ms <= 10 ms",
    ]
    assert [line.plain for line in grid(head, rows, 24)] == [
        "first token",
        "p50 12.3 ms",
        "p90 <= 10 ms",
    ]
    assert grid(head, [], 60) == []


def test_a_name_that_is_too_long_keeps_both_ends() -> None:
    assert shortened("short", 10) == "short"
    assert shortened("namespace/pod-abcde", 9) == "name~bcde"
    assert shortened("abc", 2) == "~c"


def test_a_sparkline_starts_at_nothing() -> None:
    assert sparkline([0.0, 1.0, 2.0, 4.0], 10) == "▁▃▅█"
    assert sparkline([0.0, 1.0, 2.0, 4.0], 2) == "▅█"
    assert sparkline([0.0, 0.0], 5) == "▁▁"
