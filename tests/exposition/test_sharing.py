"""What readers share while their pages have it, and that nothing stays when no page does."""

import weakref

import pytest

from exporter.base.errors import PageError
from exporter.exposition import Layout, ParserLimits, Reader, Series

PAGE = '# TYPE a counter\na{x="1"} 1\nb 2\n# TYPE c gauge\nc 3\n'


def every(name: str) -> bool:
    return True


def test_pages_of_one_shape_share_a_layout_and_no_values() -> None:
    one, other = Reader(every), Reader(every)
    first, second = one.read(PAGE), other.read(PAGE.replace("3", "7"))
    assert second.layout is first.layout
    assert (first.values, second.values) == ([1.0, 2.0, 3.0], [1.0, 2.0, 7.0])


def test_pages_that_differ_in_one_line_share_the_series_of_all_others() -> None:
    one, other = Reader(every), Reader(every)
    first = one.read(PAGE).layout
    second = other.read(PAGE.replace("b 2", 'b{y="1"} 2')).layout
    assert second is not first
    assert [a is b for a, b in zip(first.series, second.series, strict=True)] == [True, False, True]


@pytest.mark.parametrize(
    ("other", "text", "openmetrics"),
    [
        (Reader(lambda name: name == "a"), PAGE, False),
        (Reader(every, ParserLimits(label_length=9)), PAGE, False),
        (Reader(every), PAGE + "# EOF\n", True),
        (Reader(every), PAGE.replace("counter", "gauge"), False),
    ],
    ids=["wanted", "limits", "openmetrics", "comments"],
)
def test_pages_that_are_treated_otherwise_share_no_layout(
    other: Reader, text: str, openmetrics: bool
) -> None:
    one = Reader(every)
    first = one.read(PAGE)
    assert other.read(text, openmetrics).layout is not first.layout


def test_a_reader_keeps_its_order_of_series_where_another_has_a_different_one() -> None:
    lines = ["a 1\n", "b 2\n", "c 3\n"]
    forwards, backwards = Reader(every), Reader(every)
    own = forwards.read("".join(lines)).layout
    assert backwards.read("".join(reversed(lines))).values == [3.0, 2.0, 1.0]
    turned = forwards.read("".join(reversed(lines)))
    assert turned.layout is own
    assert turned.values == [1.0, 2.0, 3.0]


def test_a_layout_ends_with_the_last_page_that_has_it() -> None:
    first, second = Reader(every), Reader(every)
    layout = weakref.ref(first.read(PAGE).layout)
    second.read(PAGE)
    first.read("a 1\n")
    assert layout() is not None
    second.read("b 1\n")
    assert layout() is None


@pytest.mark.parametrize(
    "line",
    ['a{{x="{0}"}} 1\n', "a_{0} 1\n", "# HELP a {0}\na 1\n", 'a{{x="{0}"}} 1 # {{}} 1\n'],
    ids=["label", "name", "comment", "exemplar"],
)
def test_pages_that_change_on_every_scrape_leave_nothing_behind(line: str) -> None:
    reader = Reader(lambda name: True)
    layouts, series = weakref.WeakSet[Layout](), weakref.WeakSet[Series]()
    for i in range(50):
        layout = reader.read("b 1\n" + line.format(i) + "# EOF\n", openmetrics=True).layout
        layouts.add(layout)
        series.update(layout.series)
    assert len(layouts) == 1
    assert len(series) == 2


def test_a_refused_page_is_not_kept_and_the_shape_before_it_is() -> None:
    reader = Reader(every)
    before = reader.read(PAGE)
    with pytest.raises(PageError, match="no readable value"):
        reader.read(PAGE + "d x\n")
    assert reader.read(PAGE).layout is before.layout
