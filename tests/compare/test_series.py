"""Every series that alerts, dashboards and gates read, of upgrades judged and of some that wait."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.compare.assess.comparison import Question, class_change
from exporter.compare.assess.upgrades import class_changes, newest_upgrades
from exporter.compare.fleet.windows import Fleet
from exporter.compare.interim import analyse_upgrades
from exporter.compare.series import metrics
from exporter.compare.verdicts import Verdicts
from exporter.vocabulary.exporter import JUDGE
from exporter.vocabulary.family import PREFIX
from tests.sim.comparison import NEW, OLD, START, simulate_comparison

QUESTION = Question((), (), margin=0.03, warm_up=3600.0)
FLEET = simulate_comparison(5, -0.10, servers=4, before=8, after=5)


def placed(fleet: Fleet, namespace: str, workloads: tuple[str, ...]) -> Fleet:
    """Return the fleet in a namespace, its servers in workloads in turn."""
    facts = tuple(
        replace(
            each,
            labels={
                **each.labels,
                "namespace": namespace,
                "workload": workloads[i % len(workloads)],
            },
        )
        for i, each in enumerate(fleet.facts)
    )
    return replace(fleet, facts=facts)


def samples(verdicts: Verdicts) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the series of verdicts by their names without prefix, as a scraper reads them."""

    class Source(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from metrics(verdicts, 0)

    registry = CollectorRegistry()
    registry.register(Source())
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            name = sample.name.removeprefix(PREFIX)
            found.setdefault(name, []).append((sample.labels, sample.value))
    return found


def judged(fleet: Fleet) -> Verdicts:
    """Return the verdicts on the fleet's upgrade."""
    end = START + 5 * 3600.0
    return Verdicts(succeeded_at=START, comparisons=analyse_upgrades(fleet, QUESTION, end))


def test_a_verdict_is_published_with_all_that_it_rests_on() -> None:
    verdicts = judged(placed(FLEET, "chat", ("big-chat",)))
    (comparison,) = verdicts.comparisons
    decode = comparison.measures[0]
    found = samples(verdicts)
    assert {name for name, of_name in found.items() if of_name} >= {
        family.name
        for family in JUDGE
        if family.name not in ("upgrade_reason", "upgrade_answer_expected_timestamp_seconds")
    }
    for name, of_name in found.items():
        if name.startswith("upgrade_"):
            for labels, _ in of_name:
                assert (labels["namespace"], labels["workload"]) == ("chat", "big-chat"), name
                assert (labels["baseline"], labels["release"]) == (OLD, NEW), name
    servers = {labels["side"]: value for labels, value in found["upgrade_servers"]}
    assert servers == {
        "baseline": comparison.baseline.servers,
        "candidate": comparison.candidate.servers,
    }
    hours = {labels["side"]: value / 3600 for labels, value in found["upgrade_compared_seconds"]}
    assert hours["candidate"] == pytest.approx(comparison.candidate.hours)
    (level,) = (value for _, value in found["upgrade_confidence_level_ratio"])
    assert 0.95 < level < 1
    coverage = {labels["measure"]: value for labels, value in found["upgrade_coverage_ratio"]}
    assert coverage["decode"] == decode.coverage
    shares = [
        value
        for labels, value in found["upgrade_batch_work_ratio"]
        if labels["measure"] == "decode"
    ]
    assert sum(shares) == pytest.approx(1.0)
    ratios = [
        value
        for labels, value in found["upgrade_batch_effect_ratio"]
        if labels["measure"] == "decode"
    ]
    assert ratios
    assert min(ratios) < decode.estimate.ratio < max(ratios) if decode.estimate else False


def test_demand_is_no_batch() -> None:
    found = samples(judged(FLEET))
    measures = {labels["measure"] for labels, _ in found["upgrade_batch_work_ratio"]}
    assert "inter_token_latency" not in measures


def test_a_release_in_several_workloads_has_the_namespace_alone() -> None:
    found = samples(judged(placed(FLEET, "chat", ("a", "b", "c"))))
    assert all(labels["namespace"] == "chat" for labels, _ in found["upgrade_verdict"])
    assert all(labels["workload"] == "" for labels, _ in found["upgrade_verdict"])


def test_an_upgrade_that_waits_says_for_what_and_until_when() -> None:
    windows = FLEET.windows
    # two servers run the candidate, and the second warms up
    end = START + 4200.0
    early = replace(FLEET, windows=windows.where(windows.time < end), end=end)
    waiting = analyse_upgrades(early, QUESTION, end)
    first = waiting[0].ready_at
    assert first is not None
    found = samples(Verdicts(comparisons=waiting))
    verdicts = {labels["verdict"] for labels, value in found["upgrade_verdict"] if value == 1}
    assert verdicts == {"not_comparable"}
    assert {labels["reason"] for labels, _ in found["upgrade_reason"]} == {"overlap"}
    assert [value for _, value in found["upgrade_answer_expected_timestamp_seconds"]] == [first]
    assert "upgrade_effect_ratio" not in found


def of_class(fleet: Fleet, release: str, server_class: str, gpu_model: str = "") -> Fleet:
    """Return the fleet with one release's servers in a class of their own."""
    servers = tuple(
        replace(each, server_class=server_class, gpu_model=gpu_model or each.gpu_model)
        if each.release == release
        else each
        for each in fleet.windows.servers
    )
    facts = tuple(
        replace(each, labels={**each.labels, "class": server.server_class})
        for each, server in zip(fleet.facts, servers, strict=True)
    )
    return replace(fleet, windows=replace(fleet.windows, servers=servers), facts=facts)


@pytest.mark.parametrize("gpu_model", ["", "NVIDIA H100"])
def test_a_class_that_changed_with_the_release_is_said(gpu_model: str) -> None:
    fleet = of_class(FLEET, NEW, "fp8", gpu_model)
    assert newest_upgrades(fleet, QUESTION) == ()
    (change,) = class_changes(fleet, QUESTION)
    found = samples(Verdicts(comparisons=(class_change(fleet, change.question),)))
    ((labels, value),) = found["upgrade_reason"]
    assert (labels["reason"], value) == ("class", 1)
    assert (labels["baseline"], labels["release"], labels["class"]) == (OLD, NEW, "fp8")


def test_classes_beside_each_other_are_no_change() -> None:
    assert class_changes(FLEET, QUESTION) == ()
    # both releases in the old class, and the new one in another as well
    mixed = simulate_comparison(5, servers=4, before=8, after=5)
    number = next(i for i, server in enumerate(mixed.windows.servers) if server.release == NEW)
    servers = tuple(
        replace(server, server_class="fp8") if i == number else server
        for i, server in enumerate(mixed.windows.servers)
    )
    mixed = replace(mixed, windows=replace(mixed.windows, servers=servers))
    assert class_changes(mixed, QUESTION) == ()
    # both from the beginning on: neither came after the other
    late = START - 3600.0
    rows = FLEET.windows.time >= late
    both = replace(FLEET, windows=FLEET.windows.where(rows))
    assert class_changes(of_class(both, NEW, "fp8"), QUESTION) == ()
