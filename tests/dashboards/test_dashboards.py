"""The dashboards as Grafana gets them: shape, links, and the rules of its own dashboard-linter.

An exclusion from a rule stands beside it with its reason.
"""

import json
import re

import pytest

from alerts.values import load
from dashboards.build import texts
from dashboards.grafana import uids
from exporter.vocabulary.verdict import MEASURES, REASONS, VERDICTS
from scripts import generate
from tests.dashboards.panel_queries import panels
from tests.dashboards.shipped import ALL, Json, each_panel, variables

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


@pytest.fixture(params=sorted(ALL))
def dashboard(request: pytest.FixtureRequest) -> Json:
    """Each dashboard in turn."""
    return ALL[request.param]


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


def test_no_legend_is_punctuation_where_a_label_is_empty() -> None:
    always = {"measure"}
    for name, panel in each_panel():
        for target in panel.get("targets", ()):
            labels = re.findall(r"\{\{(\w+)\}\}[:;,]", target["legendFormat"])
            assert set(labels) <= always, (name, panel["title"])
