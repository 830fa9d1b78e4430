"""The dashboards written out for users, and the alerts that link to them."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from alerts import build as rules
from alerts.values import load
from dashboards.build import texts
from dashboards.grafana import uids
from dashboards.grafana.schema import to_current_schema
from exporter.cli.app import app


def test_the_command_writes_every_dashboard(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    result = CliRunner().invoke(app, ["dashboards", "--out", str(folder)])
    assert result.exit_code == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == texts(
        load()
    )
    assert result.output.split() == [str(folder / name) for name in texts(load())]


def test_a_folder_that_cannot_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here first", encoding="utf-8")
    result = CliRunner().invoke(app, ["dashboards", "--out", str(tmp_path / "file")])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "cannot write dashboards into" in result.output


def test_other_external_labels_are_those_of_the_rules(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("keep_labels: [project_id, location, k8s_cluster]\n", encoding="utf-8")
    folder = tmp_path / "dashboards"
    command = ["dashboards", "--out", str(folder), "--values", str(values)]
    assert CliRunner().invoke(app, command).exit_code == 0
    for name, shipped in texts(load()).items():
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count("(project_id, location, k8s_cluster") == shipped.count("(cluster")
        assert text.count('k8s_cluster=~\\"$cluster\\"') == shipped.count('cluster=~\\"$cluster\\"')
        # what is left is the variable's own name
        others = re.sub(r"\$\{?cluster|var-cluster|\"name\": \"cluster\"|_cluster", "", text)
        assert not re.search(r"\bcluster\b", others), name
    values.write_text("keep_labels: [not a label]\n", encoding="utf-8")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "keep_labels" in result.output


def test_alerts_link_to_dashboards_that_are_there() -> None:
    known = {value for name, value in vars(uids).items() if name.isupper()}
    links = {alert.dashboard_url for alert in rules.alerts(load())}
    assert links
    for link in links:
        path = link.partition("?")[0]
        assert path.rpartition("/")[2] in known, link


def test_what_the_schema_does_not_know_goes_and_thresholds_stay() -> None:
    panel = {
        "type": "bargauge",
        "title": "one",
        "span": 4,
        "options": {"fieldOptions": {}, "displayMode": "basic"},
        "fieldConfig": {"defaults": {"max": None, "steps": [{"color": "green", "value": None}]}},
    }
    row = {"type": "row", "title": "row", "targets": [], "panels": [panel]}
    keys = (
        "uid title description tags editable schemaVersion graphTooltip refresh timezone time "
        "templating annotations links"
    )
    dashboard = to_current_schema(
        {**dict.fromkeys(keys.split(), "kept"), "rows": [], "panels": [row]}
    )
    assert "rows" not in dashboard
    assert json.loads(json.dumps(dashboard["panels"])) == [
        {
            "type": "row",
            "title": "row",
            "id": 1,
            "panels": [
                {
                    "id": 2,
                    "type": "bargauge",
                    "title": "one",
                    "options": {"displayMode": "basic"},
                    "fieldConfig": {"defaults": {"steps": [{"color": "green", "value": None}]}},
                }
            ],
        }
    ]
