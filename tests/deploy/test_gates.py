"""The rollout gates decide in time, by their own queries and commands, on simulated rollouts."""

from collections.abc import Iterator
from typing import Final, get_args

import pytest

from alerts.values import load
from exporter.base.units import parse_duration
from exporter.compare.estimate.blocker import required_overlap
from exporter.compare.estimate.warm_up import FLOOR
from tests.prometheus import needs_prometheus
from tests.sim.comparison import NEW

from .gated_rollouts import (
    MODEL,
    ComparingGate,
    Rollout,
    by_comparison,
    by_judge,
    prometheus_of,
    rollout,
)
from .gates import Ask, Decision, argo_metric, argo_prometheus, flagger, resource

SLOWER: Final = "-10 %"
EQUAL: Final = "no change"
FEW: Final = "one server a side"
IDLE: Final = "no traffic"

JUDGED: Final = {
    SLOWER: ("rolled back", "rolled back", "rolled back"),
    EQUAL: ("goes on", "goes on", "goes on"),
    FEW: ("pauses", "goes on", "rolled back"),
    IDLE: ("pauses", "goes on", "rolled back"),
}
"""What the gates that ask the judge decide: Argo Rollouts, Flagger, Flagger on proof alone."""

COMPARISONS: Final[list[tuple[str, ComparingGate, str]]] = [
    (SLOWER, "Argo Rollouts, compare", "rolled back"),
    (SLOWER, "Job", "rolled back"),
    (EQUAL, "Argo Rollouts, compare, proven", "goes on"),
    (FEW, "Argo Rollouts, compare, proven", "rolled back"),
    (IDLE, "Argo Rollouts, compare, proven", "rolled back"),
    (IDLE, "Job", "goes on"),
]


@pytest.fixture(scope="module")
def rollouts() -> dict[str, Rollout]:
    settings, history = load().matched, 7.0
    return {
        SLOWER: rollout(SLOWER, 21, settings, -0.10, history=history),
        EQUAL: rollout(EQUAL, 27, settings, history=12.0),
        FEW: rollout(FEW, 21, settings, -0.10, servers=2, history=history),
        IDLE: rollout(IDLE, 21, settings, servers=2, traffic=False, history=history),
    }


@pytest.fixture(scope="module")
def ask(rollouts: dict[str, Rollout], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    with prometheus_of(tmp_path_factory.mktemp("gates"), list(rollouts.values())) as asked:
        yield asked


@needs_prometheus
@pytest.mark.parametrize("name", JUDGED)
def test_gates_that_ask_the_judge(name: str, rollouts: dict[str, Rollout], ask: Ask) -> None:
    decisions = by_judge(rollouts[name], ask)
    assert tuple(decision.outcome for decision in decisions.values()) == JUDGED[name]
    # not before a verdict can be there, and within a working day
    assert all(0.4 <= decision.hours < 8.5 for decision in decisions.values())


@pytest.mark.parametrize(("name", "gate", "outcome"), COMPARISONS)
def test_gates_that_compare(
    name: str, gate: ComparingGate, outcome: str, rollouts: dict[str, Rollout]
) -> None:
    decision = by_comparison(rollouts[name], gate)
    assert decision.outcome == outcome
    assert 0.4 <= decision.hours <= 8
    if name == SLOWER:
        assert decision.hours < 4


def test_every_comparing_gate_is_tried() -> None:
    assert {gate for _, gate, _ in COMPARISONS} == set(get_args(ComparingGate))


def answers(*values: float) -> Ask:
    """Return an API that gives one answer after the other, then the last one again."""
    given = list(values)

    def ask(query: str, time: float) -> list[float]:
        return [given.pop(0) if len(given) > 1 else given[0]]

    return ask


def test_a_regression_ends_the_analysis_after_proofs_that_were_not_there() -> None:
    metric = argo_metric(
        resource("argo-analysis.yaml", "inferfleet-verdict"), {"release": NEW, "model": MODEL}
    )
    assert argo_prometheus(metric, answers(0, 0, -1), 0.0) == Decision("rolled back", 35 / 60)
    assert argo_prometheus(metric, answers(0, 1, -1), 0.0) == Decision("goes on", 30 / 60)


def test_a_lost_query_or_two_do_not_roll_back() -> None:
    canary = resource("flagger-canary.yaml", "vllm")
    lost = iter([True, True, False])

    def ask(query: str, time: float) -> list[float]:
        return [] if next(lost, False) else [0.0]

    assert flagger(canary, ask, 0.0, {}).outcome == "goes on"


def test_nothing_is_asked_before_there_can_be_a_verdict() -> None:
    metric = resource("argo-analysis.yaml", "inferfleet-verdict")["spec"]["metrics"][0]
    assert parse_duration(metric["initialDelay"]) >= FLOOR + required_overlap(300.0)


def test_no_job_is_killed_while_it_waits() -> None:
    argo = resource("argo-analysis.yaml", "inferfleet-compare")["spec"]["metrics"][0]
    for spec in (
        argo["provider"]["job"]["spec"],
        resource("job.yaml", "inferfleet-gate")["spec"],
    ):
        words = spec["template"]["spec"]["containers"][0]["args"]
        (wait,) = (word.removeprefix("--wait=") for word in words if word.startswith("--wait="))
        # a pod that is evicted waits anew, and a last question has thirty times its time limit
        assert spec["activeDeadlineSeconds"] >= 2 * parse_duration(wait) + 30 * 120
