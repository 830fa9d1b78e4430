"""Metrics pages of servers and of GPU exporters: read as the reference reads them, or refused."""

import asyncio
import json
import re
from functools import partial
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.base.errors import PageError
from exporter.config import Config, Target
from exporter.fetch import HttpClient, HttpResponse
from exporter.gpu.page.reader import GpuPages
from exporter.gpu.reading import GpuReading
from exporter.publish.fleet import fleet_report
from exporter.publish.page import Publisher
from exporter.sampling.view import ServerView
from exporter.sampling.watched_server import WatchedServer
from tests.exposition.reference import by_reference, plain, reader, same
from tests.fuzz.mutations import mutated_strings
from tests.fuzz.refusals import refusal
from tests.fuzz.seeds import pages

# what fails is shown however long it is
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PLAIN = "text/plain; version=0.0.4"
GPU_PAGES = [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[1] / "gpu" / "pages").glob("*.prom"))
]
VALUES = st.floats() | st.integers(-(2**53), 2**53).map(float)


@st.composite
def valid_pages(draw: st.DrawFn) -> str:
    """Draw a part of a real page whose lines are in another order and have other values."""
    lines = draw(st.sampled_from(pages())).splitlines()
    begin = draw(st.integers(0, len(lines) - 1))
    part = draw(st.permutations(lines[begin : begin + 12]))
    heads = [line.rpartition(" ")[0] for line in part if not line.startswith("#")]
    names = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
    shown = (names.get(text := repr(draw(VALUES)), text) for _ in heads)
    comments = [line for line in part if line.startswith("#")]
    blank = draw(st.sampled_from(["", "\n", "# by a relay\n", " \t\n"]))
    samples = (f"{head} {value}\n" for head, value in zip(heads, shown, strict=True))
    return blank.join((*(f"{line}\n" for line in comments), *samples))


@given(st.lists(valid_pages(), min_size=1, max_size=3))
def test_valid_pages_read_as_the_reference_reads_them(texts: list[str]) -> None:
    remembering = reader()
    for text in texts:
        theirs = by_reference(text)
        assert same(plain(reader().read(text)), theirs)
        # in the order in which the series were first seen
        assert same(sorted(plain(remembering.read(text)), key=_key), sorted(theirs, key=_key))


def _key(series: tuple[str, list[tuple[str, str]], float]) -> tuple[str, list[tuple[str, str]]]:
    return series[:2]


LABELS = ("engine", "model_name", "le", "dp_rank", "WorkerId", "pod", "reason", "x")
TEXTS = (
    "",
    "0",
    "1",
    "10",
    "+Inf",
    "0.5",
    "NaN",
    "-1",
    "\u00b2",
    "m",
    "other",
    "\u202e",
    "9" * 400,
)
NUMBERS = ("0", "-0.0", "1", "-1", "1e308", "1e-320", "NaN", "+Inf", "-Inf", "9007199254740993")


@st.composite
def relabelled_pages(draw: st.DrawFn) -> str:
    """Draw a real page of which some series have other labels and values, stand twice or not."""
    lines = draw(st.sampled_from(pages())).splitlines()
    samples = [i for i, line in enumerate(lines) if "{" in line]
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, len(samples) - 1))
        label, text = draw(st.sampled_from(LABELS)), draw(st.sampled_from(TEXTS))
        kind = draw(st.sampled_from(("add", "change", "drop", "copy", "value")))
        for i in samples[begin : begin + draw(st.sampled_from((1, 2, 30, 300)))]:
            lines[i] = _relabelled(lines[i], kind, label, text, draw(st.sampled_from(NUMBERS)))
    return "".join(f"{line}\n" for line in lines)


def _relabelled(line: str, kind: str, label: str, text: str, number: str) -> str:
    head, _, value = line.rpartition(" ")
    if kind == "value":
        return f"{head} {number}"
    other = re.sub(rf'(?<=[{{,]){label}="[^"]*",?', "", head)
    if kind == "drop":
        return f"{other} {value}"
    if kind == "change" and other == head:
        return line
    changed = other.replace("{", f'{{{label}="{text}",', 1) + f" {value}"
    return f"{line}\n{changed}" if kind == "copy" else changed


class Pages(HttpClient):
    """Answers with one page after another, and knows nothing else."""

    def __init__(self, config: Config, texts: list[tuple[str, str]]) -> None:
        super().__init__(config.http, config.limits.page)
        self._left = list(texts)

    async def get(self, url: str, timeout: float, *_: object, **__: object) -> HttpResponse:
        text, content_type = self._left.pop(0)
        return HttpResponse(text.encode("utf-8", "surrogatepass"), content_type)


@given(
    st.lists(
        st.tuples(
            mutated_strings(*pages()) | relabelled_pages(),
            st.sampled_from([PLAIN, PLAIN, OPENMETRICS]),
        ),
        min_size=2,
        max_size=3,
    )
)
@example([(pages()[0].replace("running{", 'running{le="\u00b2",'), PLAIN)])
def test_whatever_a_page_holds_costs_its_own_server_alone(texts: list[tuple[str, str]]) -> None:
    config = Config()
    server = WatchedServer(Target(url="http://h:1", name="s"), Pages(config, texts), config)

    async def sample() -> None:
        for _ in texts:
            await server.sample()

    asyncio.run(sample())
    assert server.counts.failures["internal"] == 0, server.reading.error
    views = [ServerView(each, each.reading, True, 1e9) for each in server.models]
    page = Publisher().page(views, {}).decode()
    assert 'reason="internal"} 0.0' in page or 'reason="internal"' not in page
    by_reference(page)
    report = json.dumps(fleet_report(views, [], 5.0, 60.0), allow_nan=False)
    assert "cannot show this server" not in report


@given(st.lists(mutated_strings(*GPU_PAGES), min_size=1, max_size=2), st.booleans())
def test_a_page_of_a_gpu_exporter_is_read_or_refused(texts: list[str], openmetrics: bool) -> None:
    gpu_pages, readings = GpuPages(), list[GpuReading]()
    for text in texts:
        read = partial(gpu_pages.read, text, 1.0, openmetrics)
        if not refusal(PageError, read):
            readings += read()
    assert all(map(isfinite, (value for one in readings for value in one.values.values())))
