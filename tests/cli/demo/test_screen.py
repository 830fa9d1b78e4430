"""What the terminal says of a verdict: the word, the sentence, what to do."""

import io
from typing import get_args

import pytest
from rich.console import Console

from exporter.cli.demo.screen import fitting_screen, verdict_lines
from exporter.publish.figures import Json
from exporter.vocabulary.verdict import NEXT_STEPS, VERDICTS, Verdict


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_says_what_to_do(verdict: Verdict) -> None:
    entry = {"verdict": verdict, "headline": "b is c [/red].", "report": "report"}
    text = verdict_lines({"verdicts": [entry], "verdict_note": "Time-lapse."}, "http://a/").plain
    assert text.split("\n")[1:] == [
        f"Verdict: {VERDICTS[verdict]}",
        "b is c [/red].",
        f"What now: {NEXT_STEPS[verdict]}",
        "Report: http://a/report",
        "Time-lapse.",
        "",
    ]


def test_nothing_is_said_where_nobody_judges() -> None:
    assert verdict_lines({"verdicts": None}, "http://a/").plain == ""


def judged_fleet() -> Json:
    """Return eight servers of two releases, and a verdict on them."""
    sides = ["a"] * 4 + ["b"] * 4
    return {
        "window_seconds": 20,
        "servers": [
            {"target": f"server-{i}", "release": side, "up": True, "figures": {}}
            for i, side in enumerate(sides)
        ],
        "releases": [{"release": side, "servers": 4, "figures": {}} for side in ("a", "b")],
        "verdicts": [
            {"verdict": "equivalent", "headline": "b is as fast as a.", "report": "report"}
        ],
        "verdict_note": "Time-lapse.",
    }


@pytest.mark.parametrize(
    ("height", "releases", "servers"),
    [(60, True, True), (24, False, True), (16, True, False), (8, False, False)],
)
def test_a_low_terminal_shows_whole_tables_and_the_whole_verdict(
    height: int, releases: bool, servers: bool
) -> None:
    console = Console(file=io.StringIO(), width=80, height=height, emoji=False)
    console.print(fitting_screen(judged_fleet(), "http://a/", console))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.count("\n") <= height
    assert "Report: http://a/report" in text
    assert ("releases, each" in text) == releases
    assert [f"server-{i}" in text for i in range(8)] == [servers] * 8


@pytest.mark.parametrize("width", [80, 120])
def test_the_servers_stay_longer_than_the_note(width: int) -> None:
    headline = "b is slower than a for a model on a GPU, decoding -5 %. " * 5
    fleet = {
        **judged_fleet(),
        "verdicts": [{"verdict": "regression", "headline": headline, "report": "report"}],
        "verdict_note": "Time-lapse: the runs are real and each is counted whole. " * 6,
    }
    console = Console(file=io.StringIO(), width=width, height=24, emoji=False)
    console.print(fitting_screen(fleet, "http://a/", console))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.count("\n") <= 24
    assert "Report: http://a/report" in text
    assert all(f"server-{i}" in text for i in range(8))
