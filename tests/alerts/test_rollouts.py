"""An upgrade is one upgrade whoever runs it and whoever watches: marks, alerts and verdicts.

Four set-ups of one simulated fleet, in which every name is the same but what the set-up itself
changes; the cluster alone tells them apart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from alerts.values import load
from dashboards.build import dashboards
from exporter.compare.assess.comparison import compare
from exporter.compare.assess.result import Comparison
from exporter.compare.judge import Judge
from exporter.compare.options import question_of
from exporter.compare.run import run
from exporter.vocabulary.family import PREFIX
from tests.compare.openmetrics import openmetrics
from tests.compare.span_options import span_options
from tests.dashboards import panel_queries
from tests.pages import decode_verdicts
from tests.prometheus import fill, needs_prometheus, prometheus
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.sim.fleet import SimulatedFleet, simulate_fleet
from tests.sim.scenario import Scenario, Upgrade
from tests.sim.series import SCRAPE, series

from . import promtool
from .rollouts import NAMESPACE, SETUPS, WORKLOAD, Setup, compared, scraped, with_instances

CANARIES: Final = (Setup("rollout", "sidecar"), Setup("rollout", "central"))
FIRING: Final = f'ALERTS{{alertstate="firing", namespace="{NAMESPACE}", workload="{WORKLOAD}"'
CELLS: Final = (
    "seconds",
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "context_token_seconds",
)
BEFORE, AFTER = 25.0, 26.0
END: Final = START + AFTER * 3600
options = partial(span_options, (BEFORE, AFTER))


# a fleet that has hours where others have days
VALUES: Final = """
interval: 4m
alerts:
  InferfleetDecodeRegression: {for: 4m}
  InferfleetVersionsMixed: {enabled: true, for: 8m}
  InferfleetConfigSkew: {enabled: true}
"""
ALERTS: Final = {
    "InferfleetDecodeRegression",
    "InferfleetVersionsMixed",
    "InferfleetConfigSkew",
    "InferfleetOutlierServer",
    "InferfleetVocabularyBroken",
}
DECODE: Final = re.compile(
    r"inferfleet_(server_|load_(seconds|decode|prefill_tokens|context|saturated))"
)


def each_cluster(setups: Sequence[Setup], value: float) -> list[dict[str, Any]]:
    return [{"labels": f'{{cluster="{setup.cluster}"}}', "value": value} for setup in setups]


def rules_test(
    setups: Sequence[Setup],
    fleet: SimulatedFleet,
    expected: Mapping[str, float],
) -> dict[str, Any]:
    """Return a test of promtool's: how many series each cluster has of some expressions."""
    simulated = [each for each in series(fleet) if DECODE.match(each["series"])]
    end = f"{(len(simulated[0]['values'].split()) - 1) * SCRAPE:g}s"
    same = {
        # whatever else is said is said of each, and nothing without its workload
        f"count by (alertname) (group by (cluster, alertname) ({FIRING}}})) != {len(setups)}",
        f'ALERTS{{alertstate="firing"}} unless {FIRING}}}',
    }
    samples = {
        **{
            f"count by (cluster) ({expr})": each_cluster(setups, value)
            for expr, value in expected.items()
        },
        **{expr: [] for expr in same},
    }
    return {
        "interval": f"{SCRAPE:g}s",
        "input_series": [
            *(each for setup in setups for each in scraped(setup, simulated)),
            *judged(setups, len(simulated[0]["values"].split())),
        ],
        "promql_expr_test": [
            {"expr": expr, "eval_time": end, "exp_samples": found}
            for expr, found in samples.items()
        ],
    }


def judged(setups: Sequence[Setup], samples: int) -> Iterator[dict[str, str]]:
    """Yield what one judge says of each cluster's upgrade: a regression of decode."""
    for setup in setups:
        labels = (
            f'cluster="{setup.cluster}",engine="vllm",model="m",gpu_model="H100",class="c0",'
            'release="new",baseline="old"'
        )
        for name, more, value in (
            ("upgrade_verdict", ',measure="decode",verdict="regression"', "1"),
            ("upgrade_effect_ratio", ',measure="decode",bound="estimate"', "0.9"),
            ("upgrade_judged_timestamp_seconds", "", f"0+{SCRAPE:g}"),
        ):
            yield {"series": f"{PREFIX}{name}{{{labels}{more}}}", "values": f"{value}x{samples}"}


@promtool.needs_promtool
def test_rules_say_the_same_of_each(tmp_path: Path) -> None:
    steady = Scenario(diurnal=0.0, start_hour=9.0, host_sd=0.01, neighbours=-1.0)
    whole, canary = (
        simulate_fleet(np.random.default_rng(21), upgrade, steady, servers=servers)
        for upgrade, servers in (
            (Upgrade(-0.10, share=1.0, hours_before=2.4, hours_after=3.0, roll=1440.0), 4),
            (Upgrade(-0.10, share=0.4, hours_before=2.4, hours_after=3.0, roll=240.0), 5),
        )
    )
    vocabulary, loss, mixed = (
        f'{FIRING}, alertname="Inferfleet{name}"}}'
        for name in ("VocabularyBroken", "DecodeRegression", "VersionsMixed")
    )
    tests = [
        # both releases at once while the roll lasted, and no longer
        rules_test(
            SETUPS,
            whole,
            {vocabulary: 4, loss: 1, f"max_over_time({mixed}[5h]) unless {mixed}": 1},
        ),
        # two canaries of an Argo Rollout for hours, beside three pods of the release before
        rules_test(CANARIES, canary, {vocabulary: 2, loss: 1, mixed: 1}),
    ]
    file = tmp_path / "values.yaml"
    file.write_text(VALUES, encoding="utf-8")
    values = load(file)
    promtool.run(tmp_path, promtool.needed(values, ALERTS), tests, step="4m")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that holds the four set-ups of one fleet, a day before its upgrade and after."""
    # without a day's rhythm there are fewer cells to write
    steady = Scenario(diurnal=0.0)
    fleet = simulate_comparison(31, -0.10, steady, servers=4, share=1.0, before=BEFORE, after=AFTER)
    folder = tmp_path_factory.mktemp("rollouts") / "data"
    for setup in SETUPS:
        text = openmetrics(compared(setup, fleet), CELLS, every=150.0)
        fill(folder, [with_instances(setup, text)])
    with prometheus(folder) as address:
        yield address


@pytest.fixture(scope="module")
def comparisons(url: str) -> dict[str, Comparison]:
    """The comparison of each cluster."""
    report = run(options(url, f'version="{OLD}"', f'version="{NEW}"'), now=lambda: END)
    return {comparison.external_labels["cluster"]: comparison for comparison in report.comparisons}


@needs_prometheus
def test_a_comparison_says_the_same_of_each(comparisons: dict[str, Comparison]) -> None:
    assert set(comparisons) == {setup.cluster for setup in SETUPS}
    found = list(comparisons.values())
    for comparison in found:
        decode, first = comparison.measures[0], found[0].measures[0]
        assert comparison.design == "before and after"
        assert comparison.verdict == "regression"
        assert decode.estimate is not None
        assert first.estimate is not None
        assert decode.estimate.ratio == pytest.approx(0.9, abs=0.02)
        # the same data, whatever the pods are called: not only the verdict is the same
        assert decode.estimate.ratio == pytest.approx(first.estimate.ratio, rel=1e-6)
        assert decode.estimate.lower == pytest.approx(first.estimate.lower, rel=1e-4)
        assert comparison.candidate.servers == comparison.baseline.servers == 4


@needs_prometheus
def test_the_judge_says_the_same_of_each(url: str) -> None:
    judge = Judge(options(url), None, lambda: END)
    assert judge.run()
    verdicts = decode_verdicts(judge.page(), "cluster")
    assert verdicts == {setup.cluster: "regression" for setup in SETUPS}


@needs_prometheus
def test_each_is_marked_once_and_at_one_moment(url: str) -> None:
    board = dashboards(load())["upgrade"]
    moments = set[float]()
    for setup in SETUPS:
        selected = {"cluster": setup.cluster, "model": "m"}
        start, end = START - 3600, START + 3 * 3600
        marks = panel_queries.run_marks(url, board, selected, start, end)
        (mark,) = marks
        assert mark["metric"] == {
            "cluster": setup.cluster,
            "namespace": NAMESPACE,
            "workload": WORKLOAD,
            "model": "m",
            "release": NEW,
        }
        assert float(mark["values"][-1][0]) - float(mark["values"][0][0]) <= 180
        moments.add(float(mark["values"][0][0]))
    assert len(moments) == 1


@needs_prometheus
def test_a_workload_is_one_row_through_its_upgrade(url: str) -> None:
    board = dashboards(load())["upgrade"]
    (panel,) = (p for p in panel_queries.panels(board) if p["title"] == "Workload by workload")
    for setup in SETUPS:
        selected = {
            "cluster": setup.cluster,
            "model": "m",
            "gpu_model": "NVIDIA H200",
            "class": "abc",
            "baseline": OLD,
            "release": NEW,
        }
        values = panel_queries.variable_values(board, selected)
        expr = panel_queries.interpolated(panel["targets"][0]["expr"], values)
        _, rows = panel_queries.run_query(url, expr, START - 3600, START + 3 * 3600, step=300)
        (row,) = rows
        assert row["metric"] == {"namespace": NAMESPACE, "workload": WORKLOAD}
        states = [value for _, value in row["values"]]
        assert list(dict.fromkeys(states)) == ["1", "3", "2"]


def test_two_canaries_are_compared_with_the_pods_beside_them() -> None:
    fleet = simulate_comparison(33, -0.10, servers=8, share=0.25, before=8, after=7, roll=300.0)
    question = question_of(options("", f'version="{OLD}"', f'version="{NEW}"'))
    for setup in CANARIES:
        shown = compared(setup, fleet)
        (comparison,) = compare(shown, question)
        assert comparison.design == "side by side"
        assert comparison.verdict == "regression"
        assert comparison.external_labels == {"cluster": setup.cluster}
        assert (comparison.baseline.servers, comparison.candidate.servers) == (6, 2)
