"""The report in its four forms says the same, stands alone, and hides nothing."""

import io
import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from rich.console import Console

from exporter.compare.assess.claim import parse_claim
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Report
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.span import Span
from exporter.compare.report.html import html
from exporter.compare.report.markdown import markdown
from exporter.compare.report.terminal import print_report
from exporter.compare.run import report_of
from tests.sim.comparison import NEW, OLD, START, simulate_comparison

QUESTION = Question(
    parse_matchers(f'version="{OLD}"', "--baseline"),
    parse_matchers(f'version="{NEW}"', "--candidate"),
    claim=parse_claim("+56%"),
    margin=0.03,
    warm_up=3600.0,
)


@pytest.fixture(scope="module")
def report() -> Report:
    fleet = simulate_comparison(12, -0.10, servers=6, before=8, after=6)
    return report_of(fleet, QUESTION, START, Span(START - 8 * 3600, START + 6 * 3600))


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return html(report)


def terminal(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_headline_is_one_sentence_and_first_everywhere(report: Report, page: str) -> None:
    assert re.fullmatch(
        r"0\.26\.0 is slower than 0\.20\.2 for m on NVIDIA H200: decoding -\d+\.\d % at equal load "
        r"\(95 % interval -\d+\.\d % to -\d+\.\d %\), prefill -\d+\.\d %.*\.",
        report.headline,
    )
    assert terminal(report).startswith(report.headline)
    assert f"**{report.headline}**" in markdown(report)
    assert f"<h1>{report.headline}</h1>".replace(" %", "\u00a0%") in page


def test_every_form_has_every_measure_check_and_the_claim(report: Report, page: str) -> None:
    comparison = report.comparisons[0]
    for text in (terminal(report), markdown(report), unescape(page).replace("\u00a0", " ")):
        for measure in comparison.measures:
            assert measure.estimate is not None
            assert f"{100 * (measure.estimate.ratio - 1):+.1f} %" in text
        for check in comparison.checks:
            assert check.text.split(":")[0] in text
        assert "the claim of +56.0 % does not hold" in text
        assert "500,000" in text


def test_throughput_is_per_server_where_the_gpus_are_unknown(report: Report) -> None:
    nameless = report.comparisons[0].model_copy(update={"gpu_model": ""})
    for shown, unit, other in (
        (report, "GPU", "server"),
        (report.model_copy(update={"comparisons": (nameless,)}), "server", "GPU"),
    ):
        for text in (terminal(shown), markdown(shown), html(shown)):
            assert f"tokens/s per {unit}" in text
            # the curve of each side has an axis of its own, by its GPU seconds
            assert f"tokens/s per {other}" not in text.replace("decoded tokens/s per GPU", "")


def test_json_reads_back_and_has_its_schema(report: Report) -> None:
    data = json.loads(report.model_dump_json())
    assert Report.model_validate(data) == report
    schema = Report.model_json_schema()
    assert set(schema["properties"]) == set(data)
    assert data["comparisons"][0]["measures"][0]["measure"] == "decode"


class Tags(HTMLParser):
    """Collects open tags, ids and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)
        attributes = dict(attrs)
        assert "src" not in attributes
        assert not (attributes.get("href") or attributes.get("xlink:href") or "#").startswith(
            "http"
        )
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_stands_alone(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert tags.names.count("svg") == 5
    assert "script" not in tags.names
    assert "link" not in tags.names
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    # the plots' ink is the page's own, so that they are readable on light and dark
    assert "currentColor" in page
    assert "#010203" not in page


def test_what_is_drawn_is_what_was_found(report: Report, page: str) -> None:
    assert page == html(report)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert captions[0] == "Effect by decode batch"
    assert any("rollout" in text or "first window" in text for text in captions)


def test_names_from_outside_stay_text(report: Report) -> None:
    evil = '<script>alert("x")</script>|[red][/blue]'
    comparison = report.comparisons[0].model_copy(update={"hit_ratio_causes": (evil,)})
    other = report.model_copy(update={"headline": evil, "comparisons": (comparison,)})
    assert "<script>" not in html(other)
    assert "<script>" not in markdown(other)
    assert "\\|[red][/blue]" in markdown(other)
    assert evil in terminal(other)


def test_of_several_comparisons_each_has_its_headline(report: Report) -> None:
    comparison = report.comparisons[0]
    two = report.model_copy(
        update={"comparisons": (comparison, comparison.model_copy(update={"model": "n"}))}
    )
    for text in (terminal(two), markdown(two), html(two).replace("\u00a0", " ")):
        assert text.count(comparison.headline) >= 2
    tags = Tags()
    tags.feed(html(two))
    assert len(tags.ids) == len(set(tags.ids))
