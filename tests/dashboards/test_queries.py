"""Every query of every panel, asked of a real Prometheus that holds a fleet under upgrade."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from alerts import build, values
from alerts.model import rule
from dashboards.build import dashboards
from exporter.publish.families import PUBLISHED
from exporter.vocabulary.family import PREFIX
from tests.dashboards import asked, database, replayed, verdicts
from tests.dashboards.asked import Asked
from tests.prometheus import fill

Json = dict[str, Any]

SHAPE = replayed.Shape(seconds=2700.0, upgrade=900.0, outage=2550.0)
SPAN = SHAPE.seconds - 300.0
PAIR = {"model": "dense-8b", "gpu_model": "NVIDIA H200", "class": "caeaa8d8"}
CHOSEN: dict[str, tuple[dict[str, str], ...]] = {
    "server": ({"target": "dense-a"}, {"target": "features"}, {"target": "sglang-a"}),
    "upgrade": (
        {**PAIR, "baseline": "0.20.2", "release": "0.26.0", "claim": "56"},
        {**PAIR, "model": "features-8b", "class": "59c5d0a3", "release": "0.26.0"},
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
# Published by `inferfleet judge`, which runs apart from the exporter.
JUDGE = {"inferfleet_upgrade_effect_ratio", "inferfleet_upgrade_verdict"}
_NAME = re.compile(r"(?<![\w:])(?:\w+:)?inferfleet_[\w:]*")
# Recorded too, over hours of traffic that no test waits for; `verdicts.py` writes them out.
MATCHED = set(_NAME.findall(verdicts.page(1e6, 0.0))) - JUDGE


def published() -> set[str]:
    """Return every name the exporter and the rules give a series."""
    names = set(JUDGE)
    for family in PUBLISHED:
        ends = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        names |= {f"{PREFIX}{family.name}{end}" for end in ends}
    return names | {one.record for one in build.records(values.load())}


def used() -> set[str]:
    """Return every name a panel, an annotation or a variable asks for."""
    exprs = list[str]()
    for made in dashboards().values():
        exprs += [t["expr"] for panel in asked.panels(made) for t in panel.get("targets", ())]
        exprs += [one["expr"] for one in made["annotations"]["list"]]
        variables = made["templating"]["list"]
        exprs += [one["query"]["query"] for one in variables if one["type"] == "query"]
    return {name for expr in exprs for name in _NAME.findall(expr)}


def test_no_query_uses_a_name_that_nobody_publishes() -> None:
    assert len(used()) > 150
    assert used() - published() == set()


def test_the_written_verdicts_have_the_names_that_the_rules_record() -> None:
    assert published() >= MATCHED


@dataclass(frozen=True, slots=True)
class Filled:
    """A Prometheus with the fleet in it, and the time that is asked about."""

    url: str
    start: float
    end: float


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Fill a database with the replayed fleet and the rules' results, and run Prometheus on it."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("prometheus or promtool is not here: install the package prometheus")
    folder = Path(tmp_path_factory.mktemp("fleet")) / "data"
    pages = (
        (when, text + verdicts.page(when - replayed.EPOCH, SHAPE.upgrade))
        for when, text in replayed.pages(SHAPE)
    )
    fill(folder, database.openmetrics(pages))
    end = replayed.EPOCH + SHAPE.seconds - SHAPE.step
    rules = [
        {"name": group.name, "rules": [rule(one) for one in group.rules]}
        for groups in build.groups(values.load()).values()
        for group in groups
    ]
    wanted = database.needed(rules, used() - MATCHED)
    database.record(folder, wanted, replayed.EPOCH, end)
    with database.prometheus(folder) as url:
        yield Filled(url, end - SPAN, end)


def test_every_query_returns_what_its_panel_draws(fleet: Filled) -> None:
    made, faults, needing = dashboards(), list[str](), set[str]()
    for name, dashboard in made.items():
        kinds = {panel["id"]: panel for panel in asked.panels(dashboard)}
        states = {panel["title"]: _states(panel) for panel in kinds.values()}
        first, *others = [
            asked.all_of(fleet.url, name, dashboard, chosen, fleet.start, fleet.end)
            for chosen in CHOSEN.get(name, ({},))
        ]
        for place, one in enumerate(first):
            answered = [found[place] for found in (first, *others) if found[place].result]
            if not answered:
                faults.append(f"{one.name}: no data from {one.expr}")
                continue
            if not one.result:
                needing.add(f"{name} / {one.panel}")
            fault = _fault(answered[0], states[one.panel])
            if fault:
                faults.append(f"{one.name}: {fault}")
    assert faults == []
    listed = {panel for panels in FEATURES.values() for panel in panels}
    assert needing == listed


def _states(panel: Json) -> set[float]:
    mappings = panel["fieldConfig"]["defaults"].get("mappings", ())
    return {float(key) for one in mappings for key in one["options"]}


def _fault(one: Asked, states: set[float]) -> str:
    """Return why a panel cannot draw an answer, empty where it can."""
    numbers = [
        float(value[1])
        for series in one.result
        for value in (series["values"] if "values" in series else [series["value"]])
    ]
    if not any(isfinite(number) for number in numbers):
        return "no finite number"
    if one.kind == "heatmap":
        bounds = {series["metric"].get("le") for series in one.result}
        return "" if "+Inf" in bounds and len(bounds) > 3 else f"no buckets but {bounds}"
    if one.kind == "state-timeline" and not set(numbers) <= states:
        return f"states without a name: {set(numbers) - states}"
    if one.kind == "table" and not all(series["metric"] for series in one.result):
        return "rows without a label"
    if one.kind == "table" and any("__name__" in series["metric"] for series in one.result):
        return "a name in its rows, which keeps them from merging with other queries' rows"
    if one.kind == "timeseries" and max(len(s["values"]) for s in one.result) < 3:
        return "fewer than three points"
    return ""


def test_variables_have_values_and_upgrades_are_marked(fleet: Filled) -> None:
    for name, made in dashboards().items():
        chosen = CHOSEN.get(name, ({},))[0]
        filled = asked.defaults(made, chosen)
        for one in made["templating"]["list"]:
            if one["type"] != "query":
                continue
            query = asked.filled(one["query"]["query"], filled)
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()  # type: ignore[union-attr]
            _, found = asked.ask(
                fleet.url,
                f"count by ({label}) (last_over_time({series}[1h]))",
                fleet.start,
                fleet.end,
                instant=True,
            )
            assert [one["metric"][label] for one in found if one["metric"].get(label)], query
        expr = asked.filled(made["annotations"]["list"][0]["expr"], filled)
        _, marks = asked.ask(fleet.url, expr, fleet.start, fleet.end, step=60)
        told = {(one["metric"]["model"], one["metric"]["release"]) for one in marks}
        assert told == {("dense-8b", "0.26.0"), ("moe-30b-a3b", "0.26.0")}
        moments = sorted({value[0] for one in marks for value in one["values"]})
        assert moments
        assert moments[0] > replayed.EPOCH + SHAPE.upgrade
