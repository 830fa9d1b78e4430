"""The dashboards as Grafana gets them: shape, links, and the rules of its own dashboard-linter.

An exclusion from a rule stands beside it with its reason.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from alerts.values import load
from dashboards.build import dashboards, texts
from dashboards.grafana import uids
from dashboards.grafana.style import NEUTRAL
from dashboards.queries.server import BOUNDS
from exporter.vocabulary.states import Bound
from exporter.vocabulary.verdict import MEASURES, REASONS, VERDICTS
from scripts import generate
from tests.dashboards.panel_queries import panels

Json = dict[str, Any]

ALL = dashboards(load())
TYPES = {
    "timeseries",
    "stat",
    "table",
    "heatmap",
    "state-timeline",
    "bargauge",
    "text",
    "alertlist",
}
UIDS = {value for name, value in vars(uids).items() if name.isupper()}
_SELECTOR = re.compile(r"(?<![\w:])((?:\w+:)?inferfleet_[\w:]*)(\{[^}]*\})?")
_FUNCTION = re.compile(r"\b(rate|irate|increase)\(([^\[\]]*)\[([^\]]*)\]")


def each_panel() -> Iterator[tuple[str, Json]]:
    for name, dashboard in ALL.items():
        for panel in panels(dashboard):
            yield name, panel


def each_expr() -> Iterator[tuple[str, str]]:
    for name, panel in each_panel():
        for target in panel.get("targets", ()):
            yield f"{name} / {panel['title']} / {target['refId']}", target["expr"]


@pytest.fixture(params=sorted(ALL))
def dashboard(request: pytest.FixtureRequest) -> Json:
    """Each dashboard in turn."""
    return ALL[request.param]


def variables(dashboard: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def test_what_is_committed_has_not_drifted() -> None:
    folder = generate.ROOT / "dashboards" / "generated"
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert committed == texts(load())


def test_every_dashboard_stands_for_itself(dashboard: Json) -> None:
    assert dashboard["uid"] in UIDS
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] == 42
    assert dashboard["tags"] == ["inferfleet"]
    assert dashboard["description"]


def test_uids_are_unique() -> None:
    assert len({dashboard["uid"] for dashboard in ALL.values()}) == len(ALL) == len(UIDS)


def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: Json) -> None:
    top = dashboard["panels"]
    ids = [each["id"] for panel in top for each in (panel, *panel.get("panels", ()))]
    assert len(ids) == len(set(ids))
    for group in (top, *(panel["panels"] for panel in top if panel.get("panels"))):
        taken = set[tuple[int, int]]()
        for panel in group:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, panel["title"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & cells, panel["title"]
            taken |= cells


def test_only_current_panel_types() -> None:
    assert {panel["type"] for _, panel in each_panel()} == TYPES | {"alertlist"}


def test_no_key_is_null_but_the_lowest_threshold() -> None:
    for name, text in texts(load()).items():
        for line in text.splitlines():
            if line.rstrip(",").endswith("null"):
                assert line.strip() == '"value": null', (name, line)


# dashboard-linter: template-datasource-rule
def test_the_data_source_is_a_variable(dashboard: Json) -> None:
    source = variables(dashboard)["datasource"]
    assert (source["type"], source["query"], source["label"]) == (
        "datasource",
        "prometheus",
        "Data source",
    )


# dashboard-linter: template-job-rule, template-instance-rule
@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_are_variables(dashboard: Json, name: str) -> None:
    variable = variables(dashboard)[name]
    assert (variable["type"], variable["multi"], variable["includeAll"]) == ("query", True, True)
    assert (variable["allValue"], variable["label"]) == (".+", name.capitalize())
    assert variable["datasource"]["uid"] == "${datasource}"


# dashboard-linter: template-label-promql-rule, template-on-time-change-reload-rule
def test_query_variables_ask_for_a_label_whenever_time_changes(dashboard: Json) -> None:
    for variable in variables(dashboard).values():
        if variable["type"] == "query":
            query = variable["query"]["query"]
            assert re.fullmatch(r"label_values\([\w:]+(\{.*\})?, \w+\)", query)
            assert variable["refresh"] == 2


# dashboard-linter: panel-datasource-rule, panel-title-description-rule, panel-no-targets-rule
def test_panels_say_what_they_are_and_what_to_do() -> None:
    for name, panel in each_panel():
        assert panel["title"], name
        if panel["type"] == "text":  # holds words only, which are its description
            continue
        where = f"{name} / {panel['title']}"
        if panel["type"] == "alertlist":  # asks Grafana itself
            assert len(panel["description"]) >= 48, where
            continue
        assert panel["datasource"]["uid"] == "${datasource}", where
        assert len(panel["description"]) >= 48, where
        assert panel["targets"], where
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)), where


# dashboard-linter: panel-units-rule; which ids Grafana knows is checked by `make schema`
def test_every_number_has_a_unit() -> None:
    for name, panel in each_panel():
        defaults = panel["fieldConfig"]["defaults"]
        # tables have theirs by column; states are texts; a heatmap's is on its axis
        if panel["type"] in ("timeseries", "stat", "bargauge"):
            assert defaults["unit"] or defaults["mappings"], f"{name} / {panel['title']}"
        if panel["type"] == "heatmap":
            assert panel["options"]["yAxis"]["unit"]


# dashboard-linter: target-rate-interval-rule
def test_rates_use_the_rate_interval() -> None:
    # sums over the whole time shown are what these panels are about
    whole = ("$__range",)
    for where, expr in each_expr():
        for function, _, window in _FUNCTION.findall(expr):
            allowed = window == "$__rate_interval" or (window in whole and function == "increase")
            assert allowed, (where, function, window)


# dashboard-linter: target-job-rule, target-instance-rule
def test_selectors_filter_by_job_and_instance() -> None:
    excluded = {
        # recorded by Prometheus over all exporters, so they have neither label
        "recorded": re.compile(r"[a-z_]+:inferfleet_[\w:]+"),
        # published by `inferfleet judge` for a pair of releases; another job than the exporter's
        "judge": re.compile(r"inferfleet_upgrade_\w+"),
    }
    for where, expr in each_expr():
        for metric, matchers in _SELECTOR.findall(expr):
            if any(pattern.fullmatch(metric) for pattern in excluded.values()):
                continue
            assert 'job=~"$job",instance=~"$instance"' in matchers, (where, metric)


# dashboard-linter: target-counter-agg-rule
def test_counters_are_only_read_as_rates() -> None:
    for where, expr in each_expr():
        inside = "".join(selector for _, selector, _ in _FUNCTION.findall(expr))
        counters = re.findall(r"inferfleet_\w+_total\b", expr)
        # the number of a counter's series is no value of it
        counted = re.findall(r"count by \([\w, ]+\) \(inferfleet_\w+_total\b", expr)
        assert len(counters) == len(re.findall(r"inferfleet_\w+_total\b", inside)) + len(counted), (
            where
        )


def test_no_query_takes_two_clusters_for_one() -> None:
    entities = {"job", "instance", "target", "uuid", "model", "workload"}
    for where, expr in (
        *each_expr(),
        *((name, board["annotations"]["list"][0]["expr"]) for name, board in ALL.items()),
    ):
        # these two show one cluster at a time
        single = where.startswith(("server /", "upgrade /"))
        for operator, labels in re.findall(r"\b(by|on) \(([^)]+)\)", expr):
            names = set(labels.split(", "))
            if names & entities and not (single and operator == "by"):
                assert "cluster" in names, (where, labels)
        for _, matchers in _SELECTOR.findall(expr):
            assert 'cluster=~"$cluster"' in matchers, (where, matchers)


def test_the_cluster_is_a_variable_that_its_absence_does_not_hurt(dashboard: Json) -> None:
    variable = variables(dashboard)["cluster"]
    assert variable["query"]["query"] == "label_values(inferfleet_build_info, cluster)"
    # all includes what has no such label; a single choice without options is empty, and matches it
    assert variable.get("allValue") == (".*" if variable["multi"] else None)
    names = list(variables(dashboard))
    assert names.index("cluster") < names.index("job")


def test_links_lead_to_these_dashboards_and_carry_the_variables() -> None:
    text = json.dumps(ALL)
    for uid, rest in re.findall(r'"/d/([\w-]+)\?([^"]*)"', text):
        assert uid in UIDS
        assert rest.startswith("${__url_time_range}&")
        carried = set(re.findall(r"\$\{(\w+):queryparam\}", rest))
        assigned = set(re.findall(r"var-(\w+)=", rest))
        assert carried | assigned >= {
            "datasource",
            "cluster",
            "job",
            "instance",
            "model",
            "release",
            "target",
        }
        assert not carried & assigned


def test_the_way_down_and_back_is_linked() -> None:
    def linked(name: str) -> set[str]:
        return set(re.findall(r"/d/([\w-]+)\?", json.dumps(ALL[name]["panels"])))

    assert {uids.SERVER, uids.UPGRADE, uids.GPU} <= linked("fleet")
    assert {uids.GPU, uids.UPGRADE} <= linked("server")
    assert uids.SERVER in linked("gpu")
    for dashboard in ALL.values():
        assert [
            (link["tags"], link["includeVars"], link["keepTime"]) for link in dashboard["links"]
        ] == [(["inferfleet"], True, True)]


def test_lines_tell_last_mean_and_max_or_the_last_in_a_list() -> None:
    for name, panel in each_panel():
        if panel["type"] == "timeseries":
            legend = panel["options"]["legend"]
            assert legend["showLegend"], (name, panel["title"])
            calcs = ["lastNotNull", "mean", "max"] if legend["displayMode"] == "table" else None
            assert legend["calcs"] == (calcs or ["lastNotNull"])


def test_upgrades_are_marked_on_every_dashboard_from_the_data(dashboard: Json) -> None:
    (mark,) = dashboard["annotations"]["list"]
    assert mark["enable"] is True
    assert "inferfleet_server_info" in mark["expr"]
    assert "{{release}}" in mark["titleFormat"]


def test_only_one_file_knows_the_library() -> None:
    folder = generate.ROOT / "dashboards"
    files = [path for path in folder.rglob("*.py") if "preview" not in path.parts]
    mentioning = {path.name for path in files if "grafanalib" in path.read_text(encoding="utf-8")}
    assert mentioning <= {"panels.py", "schema.py"}
    imports = [
        p.name for p in files if re.search(r"^(from|import) grafanalib", p.read_text(), re.M)
    ]
    assert imports == ["panels.py"]


def test_every_reason_and_verdict_of_the_vocabulary_has_its_text() -> None:
    mappings = dict[str, dict[str, str]]()
    for panel in panels(ALL["upgrade"]):
        for override in panel["fieldConfig"]["overrides"]:
            for setting in override["properties"]:
                if setting["id"] == "mappings":
                    column = override["matcher"]["options"]
                    (mapping,) = setting["value"]
                    texts_of = {key: shown["text"] for key, shown in mapping["options"].items()}
                    mappings[column] = texts_of
    assert mappings["Reason"] == {key: f"{key}: {text}" for key, text in REASONS.items()}
    assert mappings["Verdict"] == VERDICTS


def test_every_measure_of_the_vocabulary_has_a_panel() -> None:
    titles = {panel["title"].lower() for panel in panels(ALL["upgrade"])}
    assert titles >= {text.title.lower() for text in MEASURES.values()}


def test_the_fleet_answers_a_page_at_the_top_and_is_no_longer_than_it_can_be_read() -> None:
    top = ALL["fleet"]["panels"]
    assert len([panel for panel in top if panel["type"] != "row"]) <= 20
    rows = [i for i, panel in enumerate(top) if panel["type"] == "row"]
    first = top[rows[0] + 1 : rows[1]]
    assert [panel["title"] for panel in first] == [
        "Firing alerts",
        "Alerts as Grafana knows them",
        "Servers down",
        "Stalled",
        "5xx answers",
        "Requests/s",
        "Waiting",
        "GPU faults",
        "Regressions",
        "Rollouts",
        "First token, 95th percentile",
        "Between tokens, 95th percentile",
        "Whole request, 95th percentile",
    ]
    assert all('alertname=~"Inferfleet.*"' in t["expr"] for t in first[0]["targets"])
    assert first[1]["type"] == "alertlist"


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


def test_no_legend_is_punctuation_where_a_label_is_empty() -> None:
    always = {"measure"}
    for name, panel in each_panel():
        for target in panel.get("targets", ()):
            labels = re.findall(r"\{\{(\w+)\}\}[:;,]", target["legendFormat"])
            assert set(labels) <= always, (name, panel["title"])


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
