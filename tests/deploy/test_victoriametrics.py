"""Recording rules tell the same on VictoriaMetrics as on Prometheus, over the same data.

A quarter of an hour of the replayed fleet, with an upgrade and servers that go down, goes into
both; so does what Prometheus recorded from it, since rules stand on rules. Then every rule is asked
of both, at one time.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from alerts import build
from alerts.values import load
from exporter.base.units import parse_duration
from tests.dashboards import database
from tests.dashboards.replayed_fleet import EPOCH, Shape, pages
from tests.prometheus import answers, fill, free_port
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("victoria-metrics", "prometheus", "promtool"))),
    reason="victoria-metrics, prometheus or promtool is not installed",
)

BEGIN, END = EPOCH + 600, EPOCH + 840
RULES = [
    rule
    for layer in database.layers(
        [
            group
            for text in build.files(load(), "prometheus").values()
            for group in yaml.safe_load(text)["groups"]
        ]
    )
    for rule in layer
]
LONGEST = 300.0
"""The longest window, in seconds, that all series fill. Over longer ones VictoriaMetrics divides by
the time a series has existed, Prometheus by the window; only the labels of those are compared. In a
fleet older than the window, without servers that come and go, both are the same."""

BETWEEN = 7.0
"""Where the two cut windows differs: a rate counts from the sample at or before the window's begin
on one, from the first inside on the other; a mean takes or leaves that at its begin. So rates are
asked at a sample's time, where both cut alike, and means between two."""

_WINDOW = re.compile(r"\[([0-9a-z]+)[\]:]")
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Both:
    """The addresses of the two databases."""

    prometheus: str
    victoria: str


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both databases with the same data, raw and recorded."""
    folder = tmp_path_factory.mktemp("both")
    raw = list(database.openmetrics(pages(Shape(seconds=900, upgrade=300, outage=900))))
    fill(folder / "prometheus", raw)
    groups = [{"rules": RULES}]
    database.record(folder / "prometheus", groups, BEGIN, END)
    with (
        database.prometheus(folder / "prometheus") as prometheus,
        _victoria(folder / "victoria") as victoria,
    ):
        _import(victoria, (_in_milliseconds(line) for line in raw if not line.startswith("#")))
        for name in sorted({rule["record"] for rule in RULES}):
            _import(victoria, _recorded(prometheus, name))
        requests.get(f"{victoria}/internal/force_flush", timeout=30).raise_for_status()
        yield Both(prometheus, victoria)


@contextmanager
def _victoria(folder: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            "victoria-metrics",
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            f"-search.maxLookback={database.LOOKBACK}",
            "-loggerLevel=ERROR",
        ]
    )
    try:
        until(lambda: answers(f"{url}/health"))
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _in_milliseconds(line: str) -> str:
    series, _, time = line.rpartition(" ")
    return f"{series} {float(time) * 1000:.0f}\n"


def _import(url: str, lines: Iterable[str]) -> None:
    body = "".join(lines).encode()
    answer = requests.post(f"{url}/api/v1/import/prometheus", data=body, timeout=60)
    answer.raise_for_status()


def _recorded(url: str, name: str) -> Iterator[str]:
    """Yield what Prometheus recorded under a name, in the text format with times."""
    asked: dict[str, str | float] = {"query": f"{name}[{END - BEGIN + 1:.0f}s]", "time": END}
    answer = requests.get(f"{url}/api/v1/query", params=asked, timeout=60).json()
    for series in answer["data"]["result"]:
        labels = [f'{key}="{value}"' for key, value in series["metric"].items() if key[0] != "_"]
        for time, value in series["values"]:
            yield f"{name}{{{','.join(labels)}}} {value} {time * 1000:.0f}\n"


def _asked(url: str, query: str, time: float) -> dict[Labels, float]:
    # VictoriaMetrics looks back for a series as long as a step is, Prometheus as it was started
    asked: dict[str, str | float] = {"query": query, "time": time, "step": database.LOOKBACK}
    answer = requests.get(f"{url}/api/v1/query", params=asked, timeout=60).json()
    assert answer["status"] == "success", (query, answer)
    return {_labels(one["metric"]): float(one["value"][1]) for one in answer["data"]["result"]}


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted((key, value) for key, value in metric.items() if key != "__name__"))


def test_every_rule_tells_the_same_on_both(both: Both) -> None:
    told, compared, apart = 0, 0, list[str]()
    for rule in RULES:
        time = END + (BETWEEN if "avg_over_time" in rule["expr"] else 0)
        ours, theirs = (_asked(url, rule["expr"], time) for url in (both.prometheus, both.victoria))
        # Nothing over nothing is a series without a number on Prometheus and none on the other.
        for labels in [labels for labels, value in ours.items() if math.isnan(value)]:
            ours.pop(labels)
            theirs.pop(labels, None)
        told += bool(ours)
        if ours.keys() != theirs.keys():
            apart.append(f"{rule['record']}: only one has {ours.keys() ^ theirs.keys()}")
        elif _longest_window(rule["expr"]) <= LONGEST:
            compared += bool(ours)
            wrong = {key for key in ours if not _alike(ours[key], theirs[key])}
            apart += [f"{rule['record']}: {ours[key]} and {theirs[key]} {key}" for key in wrong]
    assert told > 100
    assert compared > 60
    print(f"{len(RULES)} rules, {told} with series, {compared} compared by value")
    assert not apart, "\n".join(apart)


def _longest_window(expression: str) -> float:
    """Return the longest window of an expression, in seconds; 0 where it has none."""
    return max((parse_duration(text) for text in _WINDOW.findall(expression)), default=0.0)


def _alike(one: float, other: float) -> bool:
    # Pages come some milliseconds off their time, which Prometheus makes up for and the other not.
    return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-9)
