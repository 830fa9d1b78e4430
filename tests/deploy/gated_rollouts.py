"""Simulated rollouts as the gates see them: the verdicts of the rules, and the API compare asks."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np

from alerts.recording.settings import Settings
from exporter.compare.fleet.windows import Fleet
from exporter.vocabulary.verdict import VERDICTS, Measure
from tests.compare.fake_api import FakeApi
from tests.prometheus import fill, prometheus
from tests.sim.cells import WINDOW, cell_windows
from tests.sim.comparison import NEW, OLD, START, comparison_input
from tests.sim.fleet import simulate_fleet
from tests.sim.rules import verdicts_over_time
from tests.sim.scenario import Scenario, Upgrade

from .gates import PROVEN, Ask, Decision, argo_metric, argo_prometheus, flagger, job, resource

MODEL: Final = "m"
AFTER_HOURS: Final = 9.0
_BEFORE_HOURS: Final = 24.0
ComparingGate = Literal["Argo Rollouts, compare", "Argo Rollouts, compare, proven", "Job"]
_MEASURES: Final[tuple[Measure, ...]] = ("decode", "prefill")


@dataclass(frozen=True, eq=False)
class Rollout:
    """Half of the servers on the candidate at `START`; `name` is its cluster.

    `verdicts` are those of the rules by measure, one each `WINDOW` seconds from `START` on.
    """

    name: str
    fleet: Fleet
    verdicts: dict[Measure, list[str]]


def rollout(
    name: str,
    seed: int,
    settings: Settings,
    effect: float = 0.0,
    *,
    servers: int = 8,
    traffic: bool = True,
    history: float = _BEFORE_HOURS,
) -> Rollout:
    """Return a simulated rollout; without `traffic` the candidate has none.

    `history` is how many of the hours before it the comparison is given.
    """
    upgrade = Upgrade(
        effect, share=0.5, hours_before=_BEFORE_HOURS, hours_after=AFTER_HOURS, roll=0.0
    )
    simulated = simulate_fleet(np.random.default_rng(seed), upgrade, Scenario(), servers=servers)
    fleet = comparison_input(simulated, MODEL)
    recent = fleet.windows.where(fleet.windows.time >= START - history * 3600)
    fleet = replace(fleet, windows=recent, lookups=None)
    if not traffic:
        old = np.array([server.release == OLD for server in recent.servers])
        return Rollout(name, replace(fleet, windows=recent.where(old[recent.server])), {})
    windows, first = cell_windows(simulated), round(_BEFORE_HOURS * 3600 / WINDOW)
    verdicts = {
        measure: [each.verdict for each in verdicts_over_time(windows, settings, measure)][first:]
        for measure in _MEASURES
    }
    return Rollout(name, fleet, verdicts)


def _lines(rollouts: Iterable[Rollout]) -> Iterator[str]:
    """Yield the rules' verdicts as OpenMetrics text."""
    name = "release:inferfleet_matched_load:verdict"
    yield f"# TYPE {name} gauge\n"
    for each in rollouts:
        for measure, verdicts in each.verdicts.items():
            for verdict in VERDICTS:
                labels = f'cluster="{each.name}",release="{NEW}",model="{MODEL}"'
                labels += f',measure="{measure}",verdict="{verdict}"'
                for number, said in enumerate(verdicts):
                    time = START + (number + 1) * WINDOW
                    yield f"{name}{{{labels}}} {float(said == verdict):g} {time:.0f}\n"
    yield "# EOF\n"


@contextmanager
def prometheus_of(folder: Path, rollouts: Sequence[Rollout]) -> Iterator[Ask]:
    """Run a Prometheus that holds the rules' verdicts; yield how it is asked."""
    fill(folder / "data", _lines(rollouts))
    with prometheus(folder / "data") as url:

        def ask(query: str, time: float) -> list[float]:
            words = urlencode({"query": query, "time": f"{time:.0f}"})
            with urlopen(f"{url}/api/v1/query?{words}", timeout=30) as answer:
                result = json.load(answer)["data"]["result"]
            return [float(each["value"][1]) for each in result]

        yield ask


def by_rules(rollout: Rollout, ask: Ask) -> dict[str, Decision]:
    """Return what the gates decide that ask the rules."""
    arguments = {"release": NEW, "model": MODEL, "cluster": rollout.name}
    metric = argo_metric(resource("argo-analysis.yaml", "inferfleet-verdict"), arguments)
    canaries = {
        "Flagger": resource("flagger-canary.yaml", "vllm"),
        "Flagger, proven": resource("flagger-canary.yaml", "vllm-proven"),
    }
    return {
        "Argo Rollouts, rules": argo_prometheus(metric, ask, START),
        **{name: flagger(canary, ask, START, arguments) for name, canary in canaries.items()},
    }


def by_comparison(rollout: Rollout, gate: ComparingGate) -> Decision:
    """Return what a gate decides that runs `inferfleet compare`."""
    with FakeApi(rollout.fleet) as api:
        if gate == "Job":
            own = {
                "--prometheus": api.url,
                "--model": MODEL,
                "--baseline": f'release="{OLD}"',
                "--candidate": f'release="{NEW}"',
            }
            return job(resource("job.yaml", "inferfleet-gate")["spec"], own, START)
        given = {"baseline": OLD, "candidate": NEW, "model": MODEL, "prometheus": api.url}
        if gate == "Argo Rollouts, compare, proven":
            given["fail-on"] = PROVEN
        template = resource("argo-analysis.yaml", "inferfleet-compare")
        return job(argo_metric(template, given)["provider"]["job"]["spec"], {}, START)
