"""Rules and dashboards as Kubernetes resources, and as the chart's files: what code writes here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from alerts import build as rules
from alerts.values import load
from dashboards.build import dashboards

from . import chart_files

DEPLOY: Final = Path(__file__).parent
_NOTE: Final = "# Written by `make generate` from {}; change those.\n"


def texts() -> Mapping[str, str]:
    """Return what each written file holds, by its path below deploy/."""
    values = load()
    written = {
        f"kubernetes/monitoring/rules-{name.removeprefix('inferfleet-')}": text
        for name, text in rules.files(values, "operator").items()
    } | {f"helm/inferfleet/{name}": text for name, text in chart_files.texts().items()}
    documents = {
        name: json.dumps(board, sort_keys=True) for name, board in dashboards(values).items()
    }
    note = _NOTE.format("dashboards/")
    written["kubernetes/monitoring/dashboards.yaml"] = note + _documents(
        [_config_map(name, text) for name, text in documents.items()]
    )
    written["kubernetes/grafana-operator/dashboards.yaml"] = note + _documents(
        [_grafana_dashboard(name) for name in documents]
    )
    return written


def write() -> None:
    """Write every file."""
    for name, text in texts().items():
        path = DEPLOY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _documents(documents: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False, width=100, allow_unicode=True)


def _named(name: str) -> str:
    return f"inferfleet-dashboard-{name}"


def _config_map(name: str, text: str) -> dict[str, Any]:
    """Return a dashboard as the ConfigMap that Grafana's dashboard sidecar looks for."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": _named(name),
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "inferfleet"},
        },
        "data": {f"inferfleet-{name}.json": text},
    }


def _grafana_dashboard(name: str) -> dict[str, Any]:
    """Return the Grafana operator's resource for a dashboard, by reference to its ConfigMap."""
    return {
        "apiVersion": "grafana.integreatly.org/v1beta1",
        "kind": "GrafanaDashboard",
        "metadata": {"name": _named(name)},
        "spec": {
            "instanceSelector": {"matchLabels": {"dashboards": "grafana"}},
            "folder": "inferfleet",
            "configMapRef": {"name": _named(name), "key": f"inferfleet-{name}.json"},
        },
    }
