"""The chart as Helm itself renders it, and its switches in the combinations that are tried."""

from copy import deepcopy
from typing import Any

import yaml
from helm_python import Chart

from .kube import ROOT, Object

CHART = ROOT / "deploy" / "helm" / "inferfleet"
_SECRET: dict[str, Any] = {
    "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/secrets/ca.crt"}],
    "extraVolumes": [{"name": "secrets", "secret": {"secretName": "inferfleet"}}],
    "extraVolumeMounts": [{"name": "secrets", "mountPath": "/secrets", "readOnly": True}],
}


def _switch(name: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {name: {"enabled": True, **more}}, {name: {"enabled": False}}


LABELS = {"release": "kube-prometheus-stack"}
SWITCHES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"shards": 3}, {"shards": 1}),
    _switch("networkPolicy", scrapers=[{"podSelector": {"matchLabels": {"app": "prometheus"}}}]),
    _switch("serviceMonitor", labels=LABELS),
    _switch("podMonitor", labels=LABELS),
    _switch("rules", labels=LABELS),
    _switch("judge", args=["--every=5m"], **_SECRET),
    ({"judge": {"podMonitor": {"enabled": True, "labels": LABELS}}}, {}),
    _switch("dashboards"),
    ({"config": {"targets": ["http://a:8000"], "discovery": None}}, {}),
    ({**_SECRET, "imagePullSecrets": [{"name": "registry"}]}, {}),
    ({"nodeSelector": {"pool": "cpu"}, "tolerations": [{"operator": "Exists"}]}, {}),
)
# Plackett and Burman's design of 12 runs: any two of 11 switches stand in all four ways
_ROW = (0, 1, 3, 4, 5, 9)
ALL = tuple(range(len(SWITCHES)))
DESIGN = [tuple((column + shift) % 11 for column in _ROW) for shift in range(11)] + [()]


def resources(values: dict[str, Any] | None = None, name: str = "inferfleet") -> list[Object]:
    with Chart.load(CHART) as chart:
        texts = chart.render(values=values or {}, name=name, namespace="observing")
    manifests = [text for path, text in texts.items() if path.endswith(".yaml")]
    found = [one for text in manifests for one in yaml.load_all(text, Loader=yaml.CSafeLoader)]
    return [one for one in found if one]


def notes(values: dict[str, Any] | None = None) -> str:
    with Chart.load(CHART) as chart:
        texts = chart.render(values=values or {}, name="inferfleet", namespace="observing")
    (text,) = [text for path, text in texts.items() if path.endswith("NOTES.txt")]
    return text


def switched(columns: tuple[int, ...]) -> dict[str, Any]:
    """Return values with the switches of these columns on, all others off."""
    values: dict[str, Any] = {}
    for column, (on, off) in enumerate(SWITCHES):
        _lay(values, deepcopy(on if column in columns else off))
    return values


def _lay(values: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _lay(values[key], value)
        else:
            values[key] = value
