"""What is marked as an upgrade, by a real Prometheus that holds many kinds of rollouts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from alerts.values import load
from dashboards.build import dashboards
from tests.dashboards import panel_queries
from tests.prometheus import fill, needs_prometheus, prometheus

pytestmark = needs_prometheus
EPOCH: Final = 1_768_435_200
HOURS: Final = 18
EVERY: Final = 30
OLD, NEW = "0.20.2", "0.26.0"


@dataclass(frozen=True)
class Pod:
    """A server that shows a release from one hour to another."""

    name: str
    release: str
    first: float
    last: float = HOURS


@dataclass(frozen=True)
class Rollout:
    """What became of a workload's pods, and at which hours a release is marked.

    With `workload` set to nothing the servers belong to none.
    """

    name: str
    pods: Sequence[Pod]
    marks: Sequence[tuple[str, float]] = ()
    workload: str = "chat"


def fleet(prefix: str, release: str, first: float, last: float = HOURS) -> list[Pod]:
    """Return three pods whose names begin with a prefix."""
    return [Pod(f"{prefix}-{i}", release, first, last) for i in range(3)]


ROLLOUTS: Final = (
    Rollout(
        "deployment",
        [*fleet("a", OLD, 0, 9.1), *fleet("b", NEW, 9)],
        [(NEW, 9)],
    ),
    Rollout(
        "deployment, one pod after the other",
        [
            *(Pod(f"a-{i}", OLD, 0, 9 + 0.5 * i) for i in range(3)),
            *(Pod(f"b-{i}", NEW, 9 + 0.5 * i) for i in range(3)),
        ],
        [(NEW, 9)],
    ),
    Rollout(
        "statefulset",
        [
            *(Pod(f"s-{i}", OLD, 0, 9 + 0.5 * i) for i in range(3)),
            *(Pod(f"s-{i}", NEW, 9.2 + 0.5 * i) for i in range(3)),
        ],
        [(NEW, 9.2)],
    ),
    Rollout(
        "a canary for hours, then all of it",
        [*fleet("a", OLD, 0, 14.2), Pod("c-0", NEW, 9), Pod("c-1", NEW, 9.1), *fleet("b", NEW, 14)],
        [(NEW, 9)],
    ),
    Rollout(
        "a canary given up",
        [*fleet("a", OLD, 0), Pod("c-0", NEW, 9, 12), Pod("c-1", NEW, 9, 12)],
        [(NEW, 9)],
    ),
    Rollout(
        "a canary whose pod restarts and moves",
        [
            *fleet("a", OLD, 0),
            Pod("c-0", NEW, 9, 10),
            Pod("c-0", NEW, 10.3, 11),
            Pod("c-1", NEW, 11.4),
        ],
        [(NEW, 9)],
    ),
    Rollout(
        "rolled back within the hour",
        [*fleet("a", OLD, 0, 9.1), *fleet("b", NEW, 9, 9.6), *fleet("d", OLD, 9.5)],
        [(NEW, 9), (OLD, 9.5)],
    ),
    Rollout(
        "rolled back the next day",
        [*fleet("s", OLD, 0, 2), *fleet("s", NEW, 2.1, 11), *fleet("s", OLD, 11.1)],
        [(NEW, 2.1), (OLD, 11.1)],
    ),
    Rollout(
        "rolled back while the old release still runs",
        [*fleet("a", OLD, 0), Pod("b-0", NEW, 9, 9.3), Pod("d-0", OLD, 9.4)],
        [(NEW, 9)],
    ),
    Rollout(
        "two upgrades in a row",
        [
            *fleet("a", OLD, 0, 9.1),
            *fleet("b", NEW, 9, 10.1),
            *fleet("c", "0.27.0", 10),
        ],
        [(NEW, 9), ("0.27.0", 10)],
    ),
    Rollout("more replicas", [*fleet("a", OLD, 0), *fleet("b", OLD, 9)]),
    Rollout("renamed pods", [*fleet("a", OLD, 0, 9.1), *fleet("b", OLD, 9)]),
    Rollout("a new workload", fleet("a", NEW, 9)),
    Rollout("a slow restart", [Pod("a", OLD, 0, 9), Pod("a", OLD, 9.7)]),
    Rollout("a slow upgrade", [Pod("a", OLD, 0, 9), Pod("b", NEW, 9.7)], [(NEW, 9.7)]),
    Rollout("scaled to nothing and back", [*fleet("a", OLD, 0, 9), *fleet("b", OLD, 11)]),
    Rollout(
        "a release that is not known at first",
        [Pod("a", "", 0, 9), Pod("a", OLD, 9)],
    ),
    Rollout(
        "a machine",
        [Pod("vm:8000", OLD, 0, 9), Pod("vm:8000", NEW, 9.1), Pod("vm2:8000", OLD, 0)],
        [(NEW, 9.1)],
        workload="",
    ),
    Rollout(
        "machines of other names",
        [Pod("old:8000", OLD, 0, 9), Pod("new:8000", NEW, 9)],
        workload="",
    ),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every rollout as sidecars show it, in a namespace of its own, and as one exporter does."""
    folder = Path(tmp_path_factory.mktemp("marks")) / "data"
    lines = ["# TYPE inferfleet_server_info gauge\n"]
    for number, rollout in enumerate(ROLLOUTS):
        for pod in rollout.pods:
            for instance in (f"{pod.name}:10190", "exporter:10190"):
                labels = {
                    "job": "inferfleet",
                    "instance": instance,
                    "cluster": "sidecar" if pod.name in instance else "",
                    "target": f"ns{number}/{pod.name}",
                    "model": "m",
                    "release": pod.release,
                    "namespace": f"ns{number}" if rollout.workload else "",
                    "workload": rollout.workload,
                }
                text = ",".join(f'{name}="{value}"' for name, value in labels.items() if value)
                moments = range(int(pod.first * 3600), int(pod.last * 3600), EVERY)
                lines += [f"inferfleet_server_info{{{text}}} 1 {EPOCH + at}\n" for at in moments]
    fill(folder, [*lines, "# EOF\n"])
    with prometheus(folder, "--query.lookback-delta=1m") as address:
        yield address


@pytest.fixture(scope="module")
def marks(url: str) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """Release and hour of each mark, by cluster and namespace or target."""
    board = dashboards(load())["fleet"]
    result = panel_queries.run_marks(url, board, {}, EPOCH, EPOCH + HOURS * 3600)
    found = dict[tuple[str, str], list[tuple[str, float]]]()
    for series in result:
        labels, moments = series["metric"], [float(value[0]) for value in series["values"]]
        # one mark is a minute or two, in which Grafana draws one line
        first = [at for i, at in enumerate(moments) if not i or at - moments[i - 1] > 120]
        key = labels.get("cluster", ""), labels.get("namespace", labels["workload"].split("/")[0])
        found.setdefault(key, []).extend((labels["release"], (at - EPOCH) / 3600) for at in first)
    return found


@pytest.mark.parametrize("number", range(len(ROLLOUTS)), ids=[rollout.name for rollout in ROLLOUTS])
@pytest.mark.parametrize("cluster", ["", "sidecar"], ids=["central", "sidecar"])
def test_marks(
    marks: dict[tuple[str, str], list[tuple[str, float]]], number: int, cluster: str
) -> None:
    found = sorted(marks.get((cluster, f"ns{number}"), []), key=lambda mark: mark[1])
    expected = ROLLOUTS[number].marks
    assert [release for release, _ in found] == [release for release, _ in expected]
    for (_, at), (_, hour) in zip(found, expected, strict=True):
        assert 0 <= at - hour < 0.05


@pytest.mark.parametrize(
    ("selected", "marked"),
    [
        ({"model": "another"}, set()),
        # the pod that was the last to be replaced: its workload was upgraded all the same
        ({"target": "ns1/b-2"}, {"ns1"}),
        ({"target": "ns3/a-0|ns4/a-0"}, {"ns3", "ns4"}),
    ],
)
def test_marks_are_of_what_is_chosen(url: str, selected: dict[str, str], marked: set[str]) -> None:
    for name in ("fleet", "server"):
        board = dashboards(load())[name]
        chosen = {"model": ".*", "cluster": "", **selected}
        if "target" not in chosen:
            chosen["target"] = ".*"
        result = panel_queries.run_marks(url, board, chosen, EPOCH, EPOCH + HOURS * 3600)
        assert {series["metric"]["namespace"] for series in result} == marked
