"""What the terminal says of a verdict: the word, the sentence, what to do."""

from typing import get_args

import pytest

from exporter.cli.demo.screen import verdict_lines
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
