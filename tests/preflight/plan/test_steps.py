"""The plan: how large a canary, how long, and where its hours come from."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.preflight.plan.fleet import Hours, LiveFleet, RolloutHours
from exporter.preflight.plan.selection import Selection
from exporter.preflight.plan.steps import gate_hours, steps
from exporter.preflight.review import review
from exporter.preflight.upgrade import parse_upgrade

SELECTION = Selection("http://p:9090", "0.19.1", "0.20.2")
DEPLOY = Path(__file__).parent.parent.parent.parent / "docs" / "deploy.md"


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
    canary, verdict, _ = steps(review(upgrade, [], []), servers, SELECTION)
    assert words in canary.text
    assert "--candidate 'release=\"0.20.2\"'" in verdict.command


LIVE = LiveFleet(
    engine="vllm",
    release="0.19.1",
    model="m",
    gpu_model="H200",
    servers=16,
    gpus=16,
    tokens_per_second=100.0,
    past_seconds=86_400.0,
    effect=0.05,
    margin=0.03,
    cluster=(),
    rollouts=(),
)


def hours(*times: float | None) -> Hours:
    """Return what pretended upgrades took."""
    known = sorted(time for time in times if time is not None)
    middle = sorted(99.0 if time is None else time for time in times)[len(times) // 2]
    least, most = (known[0], known[-1]) if known else (None, None)
    return Hours(None if middle == 99.0 else middle, least, most, len(known), len(times))


def canary(upgraded: int, loss: Hours, no_change: Hours) -> RolloutHours:
    return RolloutHours(f"{upgraded} of 16", upgraded, True, loss, no_change, 0)


@pytest.mark.parametrize(
    ("rollouts", "upgraded", "words"),
    [
        # the smallest that has both answers
        (
            [
                canary(2, hours(2.0, None, 3.0), hours(None, None, None)),
                canary(4, hours(1.0, 2.0, 3.0), hours(4.0, 5.0, 6.0)),
                canary(8, hours(1.0, 1.0, 1.0), hours(2.0, 2.0, 2.0)),
            ],
            4,
            "a loss of 5 % is found after 2 h, and no change is shown after 5 h",
        ),
        # none has: the largest
        (
            [
                canary(2, hours(2.0, None, 3.0), hours(None, None, None)),
                canary(8, hours(2.0, 2.0, 2.0), hours(None, None, 2.0)),
            ],
            8,
            "no change is shown within 8h in 1 of 3 cases",
        ),
    ],
)
def test_the_canary_is_as_small_as_the_fleet_allows(
    rollouts: list[RolloutHours], upgraded: int, words: str
) -> None:
    reviewed = review(parse_upgrade("vllm==0.19.1", "vllm==0.20.2"), [], [])
    live = replace(LIVE, rollouts=tuple(rollouts))
    first, verdict, _ = steps(reviewed, 16, SELECTION, live)
    assert f"Upgrade {upgraded} of 16 servers" in first.text
    assert words in first.text
    assert "simulated" not in verdict.text


def test_few_servers_wait_for_a_day() -> None:
    reviewed = review(parse_upgrade("vllm==0.19.1", "vllm==0.20.2"), [], [])
    _, verdict, _ = steps(reviewed, 3, replace(SELECTION, side_by_side=False))
    assert "--wait 48h" in verdict.command
    assert "simulated" not in verdict.text


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
