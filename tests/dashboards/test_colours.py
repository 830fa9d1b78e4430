"""Colours say what a number means, and axes show what is small."""

from pathlib import Path
from typing import get_args

from alerts.values import load
from dashboards.build import dashboards
from dashboards.grafana.style import NEUTRAL
from dashboards.queries.server import BOUNDS
from exporter.vocabulary.states import Bound
from exporter.vocabulary.verdict import MEASURES, VERDICTS
from tests.dashboards.panel_queries import panels
from tests.dashboards.shipped import ALL, Json, each_panel, variables


# Grafana rounds the ends of an axis without decimals to whole numbers: 0 to 200 % for 97 %
def test_no_axis_of_fractions_is_rounded_to_whole_numbers() -> None:
    for name, panel in each_panel():
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] == "timeseries" and defaults.get("decimals") == 0:
            assert defaults["unit"] == "none", (name, panel["title"])


def test_a_change_as_small_as_the_margin_is_seen_in_every_effect() -> None:
    margin = load().matched.margin
    effects = [panel for panel in panels(ALL["upgrade"]) if "Dashed: the margin" in str(panel)]
    assert len(effects) == len(MEASURES)
    for panel in effects:
        defaults = panel["fieldConfig"]["defaults"]
        low, high = (defaults["custom"][f"axisSoft{end}"] for end in ("Min", "Max"))
        assert low < 1 - margin < 1 + margin < high
        assert margin / (high - low) > 0.2
        assert defaults["decimals"] == 1
        limits = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert limits == [None, 1 - margin, 1 + margin]


def test_colours_of_a_comparison_are_those_of_its_verdict() -> None:
    neutral = {"inconclusive", "not_comparable"}
    for name, panel in each_panel():
        for override in panel["fieldConfig"]["overrides"]:
            column = str(override["matcher"]["options"])
            settings = {each["id"]: each["value"] for each in override["properties"]}
            if "ratio" in column.lower():
                assert settings.keys() <= {"unit", "decimals"}, (name, column)
            if column == "Verdict":
                (mapping,) = settings["mappings"]
                colors = {key: shown["color"] for key, shown in mapping["options"].items()}
            elif column.strip("/$") in VERDICTS:
                colors = {column.strip("/$"): settings["color"]["fixedColor"]}
            else:
                continue
            for verdict, color in colors.items():
                assert (color == "red") == (verdict == "regression")
                assert color != "green" or verdict in {"equivalent", "improvement"}
                assert (color == NEUTRAL) == (verdict in neutral)


def test_a_good_end_has_no_colour_of_a_bad_one() -> None:
    (panel,) = [
        panel for panel in panels(ALL["server"]) if panel["title"] == "Requests finished, by reason"
    ]
    colors = {
        override["matcher"]["options"]: setting["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
        for setting in override["properties"]
        if setting["id"] == "color"
    }
    assert colors.keys() >= {"stop", "length", "abort", "error"}
    assert [reason for reason, color in colors.items() if color == "red"] == ["error"]


def test_colours_of_attainment_follow_the_objectives_of_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(
        "slo:\n  time_to_first_token: {objective: 0.95}\n  errors: {objective: 0.9995}\n"
        "  models:\n  - model: .*-405b\n"
        "    time_to_first_token: {threshold: 10s, objective: 0.94}\n"
    )
    boards = dashboards(load(file))

    def green(panel: Json) -> list[float]:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        return [step["value"] for step in steps if step["color"] == "green"]

    titles = {
        "First tokens in time": 0.95,
        "First token: good": 0.95,
        "First token: worst servers": 0.95,
        "Gap: good": 0.99,
        "Answers: good": 0.9995,
    }
    shown = [
        panel
        for name in ("fleet", "slo")
        for panel in panels(boards[name])
        if panel["title"] in titles
    ]
    assert len(shown) == len(titles)
    for panel in shown:
        assert green(panel) == [titles[panel["title"]]], panel["title"]
        if panel["title"] in ("First tokens in time", "First token: good"):
            (special,) = panel["fieldConfig"]["overrides"]
            assert special["matcher"]["options"] == "/^(.*-405b)( |$)/"
            (setting,) = special["properties"]
            assert setting["value"]["steps"][-1] == {"color": "green", "value": 0.94}
    boxes = variables(boards["slo"])
    assert {name: boxes[name]["current"]["value"] for name in boxes if "objective" in name} == {
        "time_to_first_token_objective": "95",
        "inter_token_latency_objective": "99",
        "errors_objective": "99.95",
    }


def test_every_bound_has_a_colour() -> None:
    assert set(BOUNDS) == set(get_args(Bound))
