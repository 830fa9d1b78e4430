"""The plan: how large a canary, how long, and where its hours come from."""

import re
from pathlib import Path

import pytest

from exporter.preflight.plan import gate_hours, steps
from exporter.preflight.review import review
from exporter.preflight.upgrade import parse_upgrade

DEPLOY = Path(__file__).parent.parent.parent / "docs" / "deploy.md"


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        (None, "Upgrade half of the servers"),
        (8, "Upgrade 4 of 8 servers"),
        (4, "Upgrade 2 of 4 servers"),
        (3, "3 servers cannot be judged side by side"),
        (1, "1 server cannot be judged"),
    ],
)
def test_the_canary_is_half_and_fewer_than_four_servers_are_no_comparison(
    servers: int | None, words: str
) -> None:
    upgrade = parse_upgrade("vllm==0.19.1", "vllm==0.20.2")
    canary, verdict, _ = steps(review(upgrade, [], []), servers, "http://p:9090")
    assert words in canary.text
    assert "--candidate 'release=\"0.20.2\"'" in verdict.command


def test_the_hours_are_those_of_the_measured_table() -> None:
    table = DEPLOY.read_text("utf-8").partition("<!-- gates -->")[2].splitlines()
    heads = [cell.strip() for cell in table[2].split("|")]
    (row,) = [line for line in table if line.startswith("| Argo Rollouts, compare; Job |")]
    cells = dict(zip(heads, (cell.strip() for cell in row.split("|")), strict=True))
    for hours in gate_hours():
        written = re.findall(r"([\d.]+) h(?: \(([\d.]+) to ([\d.]+)\))?", cells[hours.rollout])
        median, least, most = written[0]
        expected = [float(median), float(least or median), float(most or median)]
        assert [hours.median, hours.least, hours.most] == expected
