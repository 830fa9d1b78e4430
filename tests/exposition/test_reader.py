"""The parser against prometheus_client's, on every recorded page and on generated ones."""

import math
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as text_reference

from exporter.base.errors import PageError
from exporter.exposition import ParserLimits, Reader
from exporter.replay.recording import RecordedPage, Recording
from tests.exposition.reference import by_reference, plain, reader, same


def answered(pages: Iterable[RecordedPage]) -> list[RecordedPage]:
    return [page for page in pages if page.text is not None]


def test_every_recorded_page_reads_as_the_reference_reads_it(every_recording: Recording) -> None:
    steady = reader()
    for page in answered((*every_recording.pages, *every_recording.variants)):
        openmetrics = page.content_type.startswith("application/openmetrics-text")
        assert page.text is not None
        theirs = by_reference(page.text)
        assert same(plain(reader().read(page.text, openmetrics)), theirs)
        # in the order in which the series were first seen
        kept = plain(steady.read(page.text, openmetrics))
        assert same(sorted(kept, key=_key), sorted(theirs, key=_key))


def _key(series: tuple[str, list[tuple[str, str]], float]) -> tuple[str, list[tuple[str, str]]]:
    return series[:2]


def test_recorded_openmetrics_with_unescaped_names_reads_as_the_openmetrics_reference(
    every_recording: Recording,
) -> None:
    for page in answered(every_recording.variants):
        if "allow-utf-8" in page.content_type and page.text is not None:
            ours = plain(reader().read(page.text, openmetrics=True))
            assert same(ours, by_reference(page.text, openmetrics=True))


def test_types_are_those_of_the_reference(every_recording: Recording) -> None:
    page = answered(every_recording.pages)[-1]
    assert page.text is not None
    layout = reader().read(page.text).layout
    for family in text_reference(page.text):
        for sample in family.samples:
            expected = "untyped" if family.type == "unknown" else family.type
            assert layout.type_of(sample.name) == expected


NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
LABEL_NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True)
LABEL_VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=12,
)
NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**53), 2**53).map(float),
)
SERIES = st.tuples(NAMES, st.dictionaries(LABEL_NAMES, LABEL_VALUES, max_size=4), NUMBERS)


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def line(name: str, labels: dict[str, str], value: float) -> str:
    inner = ",".join(f'{key}="{quoted(text)}"' for key, text in labels.items())
    number = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(value), repr(value))
    return f"{name}{{{inner}}} {number}" if inner else f"{name} {number}"


@given(st.lists(SERIES, max_size=12))
def test_generated_pages_read_as_the_reference_reads_them(
    series: list[tuple[str, dict[str, str], float]],
) -> None:
    text = "".join(line(*one) + "\n" for one in series)
    assert same(plain(reader().read(text)), by_reference(text))


@given(
    st.lists(SERIES, min_size=1, max_size=8),
    st.lists(st.lists(NUMBERS, min_size=8, max_size=8), max_size=4),
)
def test_a_reader_that_remembers_reads_as_one_that_does_not(
    series: list[tuple[str, dict[str, str], float]], rounds: list[list[float]]
) -> None:
    remembering = reader()
    for values in [[one[2] for one in series], *rounds]:
        page = [(n, ls, v) for (n, ls, _), v in zip(series, values, strict=False)]
        text = "# TYPE a_b gauge\n" + "".join(line(*one) + "\n" for one in page)
        assert same(plain(remembering.read(text)), plain(reader().read(text)))


def outcome(reader: Reader, text: str) -> object:
    try:
        return [(name, labels, repr(value)) for name, labels, value in plain(reader.read(text))]
    except PageError as error:
        return str(error)


@given(
    st.lists(SERIES, min_size=1, max_size=6),
    st.lists(
        st.tuples(st.integers(0), st.integers(0, 3), st.text("1 .e_-#aN\n\t\r{}\u0661", max_size=3))
    ),
)
def test_an_edited_page_reads_as_a_reader_without_memory_reads_it(
    series: list[tuple[str, dict[str, str], float]], edits: list[tuple[int, int, str]]
) -> None:
    text = "# TYPE a_b gauge\n" + "".join(line(*one) + "\n" for one in series)
    remembering = reader()
    remembering.read(text)
    for at, length, inserted in edits:
        at %= len(text) + 1
        text = text[:at] + inserted + text[at + length :]
        assert outcome(remembering, text) == outcome(reader(), text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    refused = 0
    try:
        page = reader().read(text)
    except PageError as error:
        refused = error.line
    else:
        assert len(page.values) == len(page.layout.series)
    assert 0 <= refused <= text.count("\n") + 1


OPENMETRICS = """# HELP vllm:tokens Tokens.
# TYPE vllm:tokens counter
vllm:tokens_total{engine="0"} 12 1700000000.5
vllm:tokens_created{engine="0"} 1.7e9 1700000000.5
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.5"} 1 # {trace_id="a b c"} 0.25 1700000000
latency_seconds_bucket{le="+Inf"} 2 # {} 9
latency_seconds_sum 3.5
latency_seconds_count 2
# EOF
"""


def test_openmetrics_counters_exemplars_and_timestamps() -> None:
    page = reader().read(OPENMETRICS, openmetrics=True)
    assert same(plain(page), by_reference(OPENMETRICS, openmetrics=True))
    assert page.layout.type_of("vllm:tokens_total") == "counter"
    assert page.layout.type_of("latency_seconds_bucket") == "histogram"


def test_quoted_utf8_names() -> None:
    text = '# TYPE "my.family" gauge\n{"my.family", "lab.el"="v"} 1\nfoo{"x y"="1",b="2",} 2\n'
    assert same(plain(reader().read(text)), by_reference(text))
    assert reader().read(text).layout.type_of("my.family") == "gauge"


def test_a_timestamped_line_is_read_on_every_scrape() -> None:
    steady = reader()
    for value, when in ((1, 1000), (2, 2000), (3, 3000)):
        page = steady.read(f"a 5\nb {value} {when}\n")
        assert page.values == [5.0, float(value)]


def test_an_unchanged_shape_keeps_its_layout_and_a_changed_one_does_not() -> None:
    steady = reader()
    first = steady.read('# TYPE a counter\na{x="1"} 1\nb 2\n')
    second = steady.read('# TYPE a counter\na{x="1"} 7\nb 2\n')
    third = steady.read('# TYPE a counter\na{x="1"} 7\nb 2\nc 3\n')
    assert second.layout is first.layout
    assert second.values == [7.0, 2.0]
    assert third.layout is not first.layout
    assert first.values == [1.0, 2.0]


def test_only_wanted_samples_become_numbers_and_all_are_named() -> None:
    page = Reader(lambda name: name == "a").read("a 1\nb 2\n")
    assert page.values == [1.0]
    assert page.layout.names == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "number", "fault"),
    [
        ("a 1\nb\n", 2, "no value"),
        ("a 1\nb two\n", 2, "no readable value"),
        ("a 1_000\n", 1, "no readable value"),
        ("a \u0661\n", 1, "no readable value"),
        ("a 1 2 3\n", 1, "more than a value and a timestamp"),
        ("a 1 soon\n", 1, "more than a value and a timestamp"),
        ('a{x="1} 1\n', 1, "unreadable labels"),
        ("a{x=1} 1\n", 1, "unreadable labels"),
        ('a{x="1",x="2"} 1\n', 1, "stands twice"),
        ('a{x="\\q"} 1\n', 1, "unknown escape"),
        ('{x="1"} 1\n', 1, "no metric name"),
        ("9a 1\n", 1, "no metric name"),
        ("# TYPE a banana\n", 1, "no known type"),
        ("# TYPE a gauge\n# TYPE a counter\n", 2, "declared gauge and again counter"),
    ],
)
def test_malformed_pages_are_refused_with_line_and_reason(
    text: str, number: int, fault: str
) -> None:
    with pytest.raises(PageError, match=fault) as caught:
        reader().read(text)
    assert caught.value.line == number


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a 1\n", "does not end in '# EOF'"),
        ("", "does not end in '# EOF'"),
        ("a 1\n# EOF\nb 2\n", "does not end in '# EOF'"),
        ("a 1\n# EOF\n# EOF\n", "text follows"),
        ("a 1 # x 2\n# EOF\n", "does not begin with"),
        ('a 1 # {t="1"} x\n# EOF\n', "no readable value"),
    ],
)
def test_malformed_openmetrics_is_refused(text: str, fault: str) -> None:
    with pytest.raises(PageError, match=fault):
        reader().read(text, openmetrics=True)


def test_a_bad_value_in_a_known_shape_is_refused_and_the_reader_recovers() -> None:
    steady = reader()
    steady.read("a 1\nb 2\n")
    with pytest.raises(PageError, match="b has no readable value"):
        steady.read("a 5\nb x\n")
    assert steady.read("a 6\nb 7\n").values == [6.0, 7.0]


def test_unwanted_lines_are_checked_too() -> None:
    steady = Reader(lambda name: name == "a")
    steady.read("a 1\nb 2\n")
    with pytest.raises(PageError, match="line 2"):
        steady.read("a 1\nb x\n")


def test_limits() -> None:
    with pytest.raises(PageError, match="larger than 5 bytes"):
        reader(ParserLimits(page_bytes=5)).read("abc 12\n")
    with pytest.raises(PageError, match=r"line 3: more than 2 samples"):
        reader(ParserLimits(samples=2)).read("a 1\nb 2\nc 3\n")


LONG = "n" * 5000
FAR = "".join(f"tenant-{i:04d}-support-assistant-v3," for i in range(180))


def test_a_label_too_long_drops_its_series_alone() -> None:
    steady = reader()
    short = 'a{x="1"} 1\na{x="2"} 2\nb 3\n'
    assert steady.read(short).layout.dropped == {}
    for label in (LONG, FAR, LONG + "\\n", "é" * 4097):
        page = steady.read(short + f'a{{x="{label}"}} 9\n')
        assert page.values == [1.0, 2.0, 3.0]
        assert page.layout.dropped == {"a": 1}
        moved = steady.read('a{x="1"} 5\n' + short.split("\n", 1)[1] + f'a{{x="{label}"}} 10\n')
        assert moved.values == [5.0, 2.0, 3.0]
        assert moved.layout is page.layout
    assert steady.read(short).layout.dropped == {}


def test_a_label_too_long_on_the_first_page_and_after_a_line_more() -> None:
    steady = reader()
    long = f'a{{x="{LONG}"}} 9\n'
    assert steady.read(long + "b 3\n").values == [3.0]
    page = steady.read(long + 'b 3\nb{y="1"} 4\n')
    assert page.values == [3.0, 4.0]
    assert page.layout.dropped == {"a": 1}


def test_labels_at_the_limit_are_kept_and_many_beyond_it_are_counted() -> None:
    limits = ParserLimits(label_length=4)
    assert reader(limits).read('a{x="1234"} 1\n').layout.series[0].labels == {"x": "1234"}
    page = reader(limits).read("".join(f'a{{x="12345",i="{i}"}} 1\n' for i in range(500)) + "b 1\n")
    assert page.layout.dropped == {"a": 500}
    assert page.layout.names == {"a", "b"}


def test_a_long_label_of_a_series_that_is_not_wanted_does_no_harm() -> None:
    page = Reader(lambda name: name == "a").read(f'a 1\nb{{x="{LONG}"}} 2\n')
    assert page.values == [1.0]
    assert page.layout.dropped == {}


def test_a_line_with_a_label_too_long_is_checked_like_any_other() -> None:
    for line in (f'a{{x="{LONG}"}}', f'a{{x="{LONG}"}} x', f'a{{x="{LONG}",x="1"}} 1'):
        with pytest.raises(PageError, match="line 1"):
            reader().read(line + "\n")


def test_a_label_of_megabytes_costs_a_few_times_its_size() -> None:
    texts = [
        f'a{{x="{part * (2_000_000 // len(part))}{i}"}} 9\nb 1\n'
        for i in (0, 1)
        for part in ("n", r"\n")
    ]
    steady = reader()
    tracemalloc.start()
    for text in texts:
        assert steady.read(text).layout.dropped == {"a": 1}
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_long_label_in_an_exemplar_is_not_used() -> None:
    page = reader().read(f'a_total 1 # {{trace="{LONG}"}} 1\n# EOF\n', openmetrics=True)
    assert page.values == [1.0]


def test_special_values() -> None:
    page = reader().read("a NaN\nb +Inf\nc -Inf\nd 1e-3\n")
    assert math.isnan(page.values[0])
    assert page.values[1:] == [math.inf, -math.inf, 0.001]


STAMPED = 'vllm:num_requests_running{instance="a"} %s %d\nvllm:prompt_tokens_total %s %d\n'


def test_a_page_with_timestamps_keeps_its_layout_while_only_values_move() -> None:
    pages = reader()
    first = pages.read(STAMPED % ("3", 1767000000123, "10", 1767000000123))
    second = pages.read(STAMPED % ("4.5", 1767000015123, "12", 1767000015123))
    assert second.layout is first.layout
    assert second.values == [4.5, 12.0]
    with pytest.raises(PageError, match="more than a value and a timestamp"):
        pages.read(STAMPED.replace("%d", "x %d") % ("5", 1, "13", 1))
    third = pages.read("# a comment more\n" + STAMPED % ("6", 2, "14", 2))
    assert third.values == [6.0, 14.0]


def test_families_in_another_order_are_the_same_layout() -> None:
    lines = [
        'vllm:num_requests_running{engine="0"} %d',
        'vllm:num_requests_running{engine="1"} %d',
        "vllm:prompt_tokens_total %d",
        "go_goroutines %d",
    ]
    pages = reader()
    first = pages.read("\n".join(line % i for i, line in enumerate(lines)) + "\n")
    turned = [line % (i + 10) for i, line in enumerate(lines)]
    second = pages.read("\n".join(reversed(turned)) + "\n")
    assert second.layout is first.layout
    assert second.values == [10.0, 11.0, 12.0, 13.0]
    third = pages.read("\n".join(reversed(turned)).replace(" 11", " 99") + "\n")
    assert third.values == [10.0, 99.0, 12.0, 13.0]
    fewer = pages.read("\n".join(turned[:2]) + "\n")
    assert fewer.layout is not first.layout
    assert fewer.values == [10.0, 11.0]


def test_a_series_that_stands_twice_is_not_taken_for_another_order() -> None:
    pages = reader()
    pages.read("vllm:prompt_tokens_total 1\nvllm:generation_tokens_total 2\n")
    twice = pages.read("vllm:prompt_tokens_total 1\nvllm:prompt_tokens_total 2\n")
    assert [series.name for series in twice.layout.series] == ["vllm:prompt_tokens_total"] * 2
