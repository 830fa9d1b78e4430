"""Writes the HTML report of a simulated fleet: eight servers, half of them made 5 % slower."""

import sys
from pathlib import Path

from alerts.values import load
from exporter.compare.assess.claim import parse_claim
from exporter.compare.assess.comparison import Question
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.span import Span
from exporter.compare.report.html import html
from exporter.compare.run import report_of
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.sim.scenario import SCENARIOS

BEFORE, AFTER = 24.0, 13.0


def main() -> None:
    """Write the report to the path given."""
    fleet = simulate_comparison(
        4, -0.05, SCENARIOS["demand +25 %"], before=BEFORE, after=AFTER, model="llama-3-70b"
    )
    matched = load().matched
    question = Question(
        parse_matchers(f'version="{OLD}"', "--baseline"),
        parse_matchers(f'version="{NEW}"', "--candidate"),
        claim=parse_claim("+56%"),
        margin=matched.margin,
        warm_up=matched.warm_up,
    )
    end = START + AFTER * 3600
    report = report_of(fleet, question, end, Span(START - BEFORE * 3600, end))
    Path(sys.argv[1]).write_text(html(report), encoding="utf-8")


if __name__ == "__main__":
    main()
