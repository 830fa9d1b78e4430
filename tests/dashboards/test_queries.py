"""Every query of every panel, asked of a real Prometheus that holds a fleet under upgrade."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from alerts import build
from alerts.model import as_dict
from alerts.values import load
from dashboards.build import dashboards
from tests.dashboards import (
    database,
    firing,
    panel_queries,
    replayed_fleet,
    two_clusters,
    verdicts,
    written_queries,
)
from tests.dashboards.panel_queries import QueryResult
from tests.dashboards.used_names import JUDGED, PRICED, SWITCH, used
from tests.prometheus import fill

Json = dict[str, Any]
SHAPE = replayed_fleet.Shape(seconds=2700.0, upgrade=900.0, outage=2550.0)
SPAN = SHAPE.seconds - 300.0
SELECTED: dict[str, tuple[dict[str, str], ...]] = {
    "server": ({"target": "dense-a"}, {"target": "features"}, {"target": "sglang-a"}),
    "upgrade": (
        {**verdicts.UPGRADED, **verdicts.RELEASES, "claim": "56"},
        {
            **verdicts.UPGRADED,
            "model": "features-8b",
            "class": "59c5d0a3",
            "baseline": "0.25.1",
            "release": "0.26.0",
        },
    ),
}
# What no recording of a real server has, and which panels need it: the written page of
# `features.py` answers for these.
FEATURES = {
    "speculative decoding": (
        "server / Draft tokens accepted",
        "server / Tokens per verification step",
        "server / Accepted by position in the draft",
        "server / Drafted, accepted, rejected",
        "upgrade / Speculative acceptance",
        "upgrade / Work done by each release in the time shown",
    ),
    "KV transfer": (
        "server / Time of a transfer",
        "server / KV moved",
        "server / Transfers lost",
    ),
    "KV offload": ("server / KV offloaded", "server / Offload speed"),
    "LoRA": ("server / Adapters",),
    "admission control": ("server / Rejected and aborted",),
    "a check of the logits": ("server / Broken answers and restarts",),
}
# No page has it beside the limit of adapters: vLLM's Rust front end alone lets them be told apart.
WITHOUT_DATA = {"server / Adapters / B"}
UPGRADES = {
    "dense-a": SHAPE.upgrade,
    "dense-b": SHAPE.upgrade + 600.0,
    "moe-a": SHAPE.upgrade + 300.0,
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A Prometheus with the fleet in it, and the time that is asked about."""

    url: str
    start: float
    end: float


def written(now: float) -> str:
    """Return what is written by hand of this fleet at a time."""
    return verdicts.page(now, SHAPE.upgrade) + firing.page(now, SHAPE.upgrade)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Fill a database with the replayed fleet and the rules' results, and run Prometheus on it."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("prometheus or promtool is not here: install the package prometheus")
    folder = Path(tmp_path_factory.mktemp("fleet")) / "data"
    pages = [
        (when, text + written(when - replayed_fleet.EPOCH))
        for when, text in replayed_fleet.pages(SHAPE)
    ]
    fill(folder, database.openmetrics(pages))
    others = (
        (when, two_clusters.page(text, when - replayed_fleet.EPOCH, UPGRADES))
        for when, text in pages
    )
    fill(folder, database.openmetrics(others, cluster=two_clusters.CLUSTER))
    end = replayed_fleet.EPOCH + SHAPE.seconds - SHAPE.step
    rules = [
        {"name": group.name, "rules": [as_dict(rule) for rule in group.rules]}
        for groups in build.groups(PRICED).values()
        for group in groups
    ]
    groups = database.with_dependencies(rules, used() - JUDGED)
    database.record(folder, groups, replayed_fleet.EPOCH, end)
    with database.prometheus(folder) as url:
        yield Filled(url, end - SPAN, end)


def test_every_query_returns_what_its_panel_draws(fleet: Filled) -> None:
    faults, featured = list[str](), set[str]()
    for name, dashboard in dashboards(load()).items():
        kinds = {panel["id"]: panel for panel in panel_queries.panels(dashboard)}
        states = {panel["title"]: _states(panel) for panel in kinds.values()}
        switched = {p["title"] for p in kinds.values() if SWITCH in p.get("description", "")}
        first, *others = [
            panel_queries.run_dashboard(
                fleet.url, name, dashboard, {"cluster": "", **selected}, fleet.start, fleet.end
            )
            for selected in SELECTED.get(name, ({},))
        ]
        for place, result in enumerate(first):
            answered = [results[place] for results in (first, *others) if results[place].result]
            if not answered and (result.name in WITHOUT_DATA or result.panel in switched):
                continue
            if not answered:
                faults.append(f"{result.name}: no data from {result.expr}")
                continue
            if not result.result:
                featured.add(f"{name} / {result.panel}")
            fault = _fault(answered[0], states[result.panel])
            if fault:
                faults.append(f"{result.name}: {fault}")
    assert faults == []
    listed = {panel for panels in FEATURES.values() for panel in panels}
    assert featured == listed


def test_what_written_queries_match_on_are_labels_of_their_series(fleet: Filled) -> None:
    queries = written_queries.by_place()
    assert len(queries) > 60
    faults = list[str]()
    known = {
        name: _labels(fleet, name)
        for text in queries.values()
        for name, _ in written_queries.selectors(text)
    }
    for place, text in queries.items():
        for name, matchers in written_queries.selectors(text):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) - {"cluster"}
            # what this fleet does not show is checked by name elsewhere
            if known[name] and labels - known[name]:
                faults.append(f"{place}: {name} has no label {', '.join(labels - known[name])}")
    assert faults == []
    shown = sum(bool(labels) for labels in known.values())
    assert shown / len(known) > 0.6


def _labels(fleet: Filled, name: str) -> set[str]:
    url = f"{fleet.url}/api/v1/series?match[]={quote(name)}&start={fleet.start}&end={fleet.end}"
    with urlopen(url, timeout=30) as answer:
        return {label for series in json.load(answer)["data"] for label in series}


def _states(panel: Json) -> set[float]:
    mappings = panel["fieldConfig"]["defaults"].get("mappings", ())
    return {float(key) for mapping in mappings for key in mapping["options"]}


def _fault(result: QueryResult, states: set[float]) -> str:
    """Return why a panel cannot draw an answer, empty where it can."""
    numbers = [
        float(value[1])
        for series in result.result
        for value in (series["values"] if "values" in series else [series["value"]])
    ]
    if not any(isfinite(number) for number in numbers):
        return "no finite number"
    if result.kind == "heatmap":
        bounds = {series["metric"].get("le") for series in result.result}
        return "" if "+Inf" in bounds and len(bounds) > 3 else f"no buckets but {bounds}"
    if result.kind == "state-timeline" and not set(numbers) <= states:
        return f"states without a name: {set(numbers) - states}"
    if result.kind == "table" and not all(series["metric"] for series in result.result):
        return "rows without a label"
    if result.kind == "table" and any("__name__" in series["metric"] for series in result.result):
        return "a name in its rows, which keeps them from merging with other queries' rows"
    if result.kind == "timeseries" and max(len(s["values"]) for s in result.result) < 3:
        return "fewer than three points"
    return ""


@pytest.mark.parametrize(
    ("chosen", "servers", "down"),
    [
        # it went down, and shows neither model nor release any more
        ({"model": "dense-8b"}, {"dense-a", "dense-b", "dense-c"}, 1),
        ({"model": "moe-30b-a3b"}, {"moe-a"}, 0),
        ({"model": "dense-8b", "release": "0.26.0"}, {"dense-a", "dense-b", "dense-c"}, 1),
        ({"target": "features"}, {"features"}, 0),
    ],
)
def test_the_fleet_shows_the_servers_of_the_model_chosen(
    fleet: Filled, chosen: dict[str, str], servers: set[str], down: int
) -> None:
    results = panel_queries.run_dashboard(
        fleet.url,
        "fleet",
        dashboards(load())["fleet"],
        {"cluster": "", **chosen},
        fleet.end - 600,
        fleet.end,
    )
    rows = {row["metric"]["target"] for r in results if r.panel == "Servers" for row in r.result}
    assert rows == servers
    # one that is down keeps the model it had
    (names,) = [r for r in results if r.panel == "Servers" and "group_left (model)" in r.expr]
    assert {row["metric"]["target"] for row in names.result if row["metric"]["model"]} == servers
    (rollouts,) = [r for r in results if r.panel == "Rollouts"]
    assert [float(row["value"][1]) for row in rollouts.result] == [0]
    (count,) = [r for r in results if r.panel == "Servers down"]
    assert [float(row["value"][1]) for row in count.result] == [down]


# two engines never have one release; a model with two is being upgraded
@pytest.mark.parametrize(("after", "rollouts"), [(-300.0, 0), (420.0, 1), (900.0, 1)])
def test_rollouts_are_of_models_that_run_more_than_one_release(
    fleet: Filled, after: float, rollouts: int
) -> None:
    at = replayed_fleet.EPOCH + SHAPE.upgrade + after
    board, chosen = dashboards(load())["fleet"], {"cluster": ""}
    results = panel_queries.run_dashboard(fleet.url, "fleet", board, chosen, at - 600, at)
    (count,) = [result for result in results if result.panel == "Rollouts"]
    assert [float(row["value"][1]) for row in count.result] == [rollouts]


def test_alerts_of_other_models_go_and_those_of_none_stay(fleet: Filled) -> None:
    results = panel_queries.run_dashboard(
        fleet.url,
        "fleet",
        dashboards(load())["fleet"],
        {"cluster": "", "model": "moe-30b-a3b"},
        fleet.end - 600,
        fleet.end,
    )
    firing = [result for result in results if result.panel == "Firing alerts"]
    for column in firing:
        assert {row["metric"]["alertname"] for row in column.result} == {
            "InferfleetModelDown",
            "InferfleetTargetDown",
            "InferfleetConfigReloadFailed",
        }
    severity, since = (
        {row["metric"]["alertname"]: float(row["value"][1]) for row in column.result}
        for column in firing
    )
    assert severity["InferfleetModelDown"] == 3
    ends = fleet.end - replayed_fleet.EPOCH - SHAPE.upgrade
    assert since["InferfleetModelDown"] == pytest.approx(ends - 900.0)


def test_variables_have_values_and_upgrades_are_marked(fleet: Filled) -> None:
    for name, dashboard in dashboards(load()).items():
        selected = {**SELECTED.get(name, ({},))[0], "cluster": ""}
        values = panel_queries.variable_values(dashboard, selected)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                continue
            query = panel_queries.interpolated(variable["query"]["query"], values)
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()  # type: ignore[union-attr]
            _, result = panel_queries.run_query(
                fleet.url,
                f"count by ({label}) (last_over_time({series}[1h]))",
                fleet.start,
                fleet.end,
                instant=True,
            )
            found = [each["metric"][label] for each in result if each["metric"].get(label)]
            # "cluster" offers the clusters that have a name; this fleet belongs to no workload
            if label not in ("namespace", "workload"):
                assert found == ["us"] if label == "cluster" else found, query
        everything = {"cluster": "", "model": ".*", "target": ".*"}
        marks = run_annotation(fleet, dashboard, everything)
        assert set(marks) == {
            ("", "dense-a", "dense-8b", "0.26.0"),
            ("", "dense-b", "dense-8b", "0.26.0"),
            ("", "moe-a", "moe-30b-a3b", "0.26.0"),
        }
        for (_, server, _, _), moment in marks.items():
            assert 0 < moment - replayed_fleet.EPOCH - UPGRADES[server] < 300


def run_annotation(
    fleet: Filled, dashboard: Json, selected: dict[str, str]
) -> dict[tuple[str, str, str, str], float]:
    """Return the first moment of each mark, by cluster, workload, model and release."""
    marks = panel_queries.run_marks(fleet.url, dashboard, selected, fleet.start, fleet.end)
    names = ("cluster", "workload", "model", "release")
    return {
        tuple(mark["metric"].get(name, "") for name in names): float(mark["values"][0][0])
        for mark in marks
    }


def test_a_workload_whose_pods_are_renamed_is_marked_once_a_model(fleet: Filled) -> None:
    board = dashboards(load())["fleet"]
    for cluster in (two_clusters.CLUSTER, ".*"):
        marks = {
            key: moment - replayed_fleet.EPOCH
            for key, moment in run_annotation(fleet, board, {"cluster": cluster}).items()
            if key[0]
        }
        assert set(marks) == {
            ("us", "chat", "dense-8b", "0.26.0"),
            ("us", "chat", "moe-30b-a3b", "0.26.0"),
        }
        first = marks["us", "chat", "dense-8b", "0.26.0"]
        assert SHAPE.upgrade < first < SHAPE.upgrade + 300


def test_two_clusters_with_the_same_names_are_never_one(fleet: Filled) -> None:
    def answers(board: str, cluster: str, selected: dict[str, str]) -> list[QueryResult]:
        chosen = {**selected, "cluster": cluster}
        return panel_queries.run_dashboard(
            fleet.url, board, dashboards(load())[board], chosen, fleet.end - 600, fleet.end
        )

    for name in dashboards(load()):
        selected = SELECTED.get(name, ({},))[0]
        there = {**selected}
        if name == "server":
            there["target"] = two_clusters.renamed(selected["target"])
        results = (
            answers(name, "", selected),
            answers(name, two_clusters.CLUSTER, there),
            answers(name, ".*", there if name == "server" else selected),
        )
        for here, other, both in zip(*results, strict=True):
            assert _series(here) == _series(other), here.name
            # every series of a server, a model, a GPU or a workload is of one cluster
            named = [s for s in both.result if s["metric"].keys() & {"target", "uuid", "model"}]
            if named and not here.expr.startswith(("topk", "bottomk")) and name != "server":
                clusters = [s["metric"].get("cluster", "") for s in named]
                assert clusters.count("") == clusters.count("us"), here.name


def _series(result: QueryResult) -> set[tuple[tuple[str, str], ...]]:
    """Return what the series of an answer are called, but for cluster and workload."""
    series = set()
    for each in result.result:
        labels = {
            name: two_clusters.original(value) if name == "target" else value
            for name, value in each["metric"].items()
            if name not in ("cluster", "namespace", "workload")
        }
        series.add(tuple(sorted(labels.items())))
    return series


def test_each_cluster_has_its_own_figures(fleet: Filled) -> None:
    board = dashboards(load())["fleet"]
    figures = dict[str, dict[str, float]]()
    for cluster in ("", two_clusters.CLUSTER):
        results = panel_queries.run_dashboard(
            fleet.url, "fleet", board, {"cluster": cluster}, fleet.end - 600, fleet.end
        )
        figures[cluster] = {
            f"{result.panel} / {_named(series)}": float(series["values"][-1][1])
            for result in results
            for series in result.result
            if "values" in series
            and result.panel in ("Generated tokens per second and GPU", "Servers by release")
        }
    here, there = figures[""], figures[two_clusters.CLUSTER]
    assert here.keys() == there.keys()
    assert here
    for name, value in here.items():
        factor = 1.0 if name.startswith("Servers") else two_clusters.TOKENS
        assert there[name] == pytest.approx(factor * value, rel=1e-6), name


def _named(series: Json) -> str:
    return " ".join(series["metric"].get(name, "") for name in ("model", "release"))
