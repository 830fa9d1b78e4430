"""Servers of one name in two clusters are never one: compare and judge, on a real Prometheus."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from alerts.values import load
from exporter.base.errors import CompareError
from exporter.compare.fleet.servers import DEFAULT_KEEP_LABELS
from exporter.compare.fleet.windows import ExternalLabels, Fleet
from exporter.compare.judge import Judge
from exporter.compare.run import run
from tests.compare.openmetrics import DECODE_CELLS, openmetrics
from tests.compare.span_options import span_options
from tests.pages import decode_verdicts
from tests.prometheus import fill, needs_prometheus, prometheus
from tests.sim.comparison import NEW, OLD, START, simulate_comparison

pytestmark = needs_prometheus
BEFORE, AFTER = 8.0, 5.0
END = START + AFTER * 3600
options = partial(span_options, (BEFORE, AFTER))
EFFECTS = {"eu": -0.10, "us": 0.15}


def of_cluster(fleet: Fleet, **labels: str) -> Fleet:
    external: ExternalLabels = tuple(labels.items())
    servers = tuple(replace(s, external_labels=external) for s in fleet.windows.servers)
    return replace(fleet, windows=replace(fleet.windows, servers=servers))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two clusters with the same names everywhere and different truths, and one without a name."""
    folder = tmp_path_factory.mktemp("clusters") / "data"
    for seed, (cluster, effect) in enumerate(EFFECTS.items(), 11):
        fleet = simulate_comparison(seed, effect, servers=4, before=BEFORE, after=AFTER)
        fill(folder, [openmetrics(of_cluster(fleet, cluster=cluster), DECODE_CELLS)])
    fleet = simulate_comparison(13, 0.0, servers=4, before=BEFORE, after=AFTER, model="unnamed")
    fill(folder, [openmetrics(fleet, DECODE_CELLS)])
    with prometheus(folder) as address:
        yield address


def test_the_default_is_that_of_the_rules() -> None:
    assert load().keep_labels == DEFAULT_KEEP_LABELS


def test_each_cluster_has_its_own_comparison(url: str) -> None:
    report = run(options(url, f'version="{OLD}"', f'version="{NEW}"'), now=lambda: END)
    found = {
        (comparison.model, comparison.external_labels.get("cluster", "")): comparison
        for comparison in report.comparisons
    }
    assert set(found) == {("m", "eu"), ("m", "us"), ("unnamed", "")}
    for cluster, effect in EFFECTS.items():
        comparison = found["m", cluster]
        estimate = comparison.measures[0].estimate
        assert estimate is not None
        assert estimate.ratio == pytest.approx(1 + effect, abs=0.04)
        assert comparison.verdict == ("regression" if effect < 0 else "improvement")
        assert f"in {cluster}" in comparison.headline
        assert comparison.candidate.servers == 2
        assert comparison.candidate.kv_cache_capacity_tokens == 500_000
        assert comparison.baseline.hit_ratio == pytest.approx(0.5, abs=0.1)
    assert found["unnamed", ""].verdict in ("equivalent", "inconclusive")
    assert found["unnamed", ""].external_labels == {}


def test_a_side_of_one_cluster_is_compared_with_that_cluster_alone(url: str) -> None:
    report = run(
        options(url, f'version="{OLD}", cluster="us"', f'version="{NEW}"', model="m"),
        now=lambda: END,
    )
    (comparison,) = report.comparisons
    assert comparison.external_labels == {"cluster": "us"}
    assert comparison.verdict == "improvement"


def test_clusters_are_compared_with_each_other_only_where_that_is_the_question(url: str) -> None:
    named = options(url, f'version="{OLD}", cluster="us"', f'version="{OLD}", cluster="eu"')
    (comparison,) = run(named, now=lambda: END).comparisons
    assert comparison.external_labels == {}
    (check,) = (check for check in comparison.checks if check.name == "clusters")
    assert check.outcome == "noted"
    assert comparison.baseline.servers == comparison.candidate.servers == 4


def test_the_judge_publishes_each_cluster(url: str) -> None:
    judge = Judge(options(url), None, lambda: END)
    assert judge.run()
    verdicts = decode_verdicts(judge.page(), "cluster", model="m")
    assert verdicts == {
        "eu": "regression",
        "us": "improvement",
    }
    only = Judge(options(url, model="unnamed"), None, lambda: END)
    assert only.run()
    assert "cluster" not in only.page()


def test_labels_that_nobody_named_are_reported(url: str) -> None:
    report = run(
        options(url, f'version="{OLD}"', f'version="{NEW}"', model="m", keep_labels=()),
        now=lambda: END,
    )
    assert any("differ in cluster" in note and "--keep-label" in note for note in report.notes)


def test_a_wrong_label_is_refused() -> None:
    with pytest.raises(CompareError, match="--keep-label: 'my cluster' is no label name"):
        run(options("http://127.0.0.1:9", "x", keep_labels=("my cluster",)))
