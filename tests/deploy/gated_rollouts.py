"""Simulated rollouts as the gates see them: the judge's verdicts, and the API compare asks."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np

from alerts.values import Judgement
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Comparison
from exporter.compare.fleet.windows import Fleet
from exporter.compare.interim import analyse_upgrades
from exporter.vocabulary.verdict import VERDICTS, Measure
from tests.compare.fake_api import FakeApi
from tests.prometheus import fill, prometheus
from tests.sim.comparison import NEW, OLD, START, fleet_of_simulation
from tests.sim.fleet import simulate_fleet
from tests.sim.scenario import Scenario, Upgrade

from .gates import PROVEN, Ask, Decision, argo_metric, argo_prometheus, flagger, job, resource

MODEL: Final = "m"
AFTER_HOURS: Final = 9.0
_BEFORE_HOURS: Final = 24.0
ComparingGate = Literal["Argo Rollouts, compare", "Argo Rollouts, compare, proven", "Job"]
_MEASURES: Final[tuple[Measure, ...]] = ("decode", "prefill")
_SCRAPE: Final = 300.0


@dataclass(frozen=True, eq=False)
class Rollout:
    """Half of the servers on the candidate at `START`; `name` is its cluster.

    `verdicts` are the judge's, by the Unix time of each of its runs.
    """

    name: str
    fleet: Fleet
    verdicts: dict[float, dict[Measure, str]]


def rollout(
    name: str,
    seed: int,
    settings: Judgement,
    effect: float = 0.0,
    *,
    every: float = 3600.0,
    servers: int = 8,
    traffic: bool = True,
    history: float = _BEFORE_HOURS,
) -> Rollout:
    """Return a simulated rollout; without `traffic` the candidate has none.

    `history` is how many of the hours before it are on record, `every` the seconds between two runs
    of the judge.
    """
    upgrade = Upgrade(
        effect, share=0.5, hours_before=_BEFORE_HOURS, hours_after=AFTER_HOURS, roll=0.0
    )
    simulated = simulate_fleet(np.random.default_rng(seed), upgrade, Scenario(), servers=servers)
    fleet = fleet_of_simulation(simulated, MODEL)
    recent = fleet.windows.where(fleet.windows.time >= START - history * 3600)
    fleet = replace(fleet, windows=recent, lookups=None)
    if not traffic:
        old = np.array([server.release == OLD for server in recent.servers])
        return Rollout(name, replace(fleet, windows=recent.where(old[recent.server])), {})
    question = Question((), (), margin=settings.margin, warm_up=settings.warm_up, detail=False)
    runs = np.arange(START + every, START + AFTER_HOURS * 3600.0 + 1.0, every)
    return Rollout(name, fleet, _judged(fleet, question, [float(now) for now in runs]))


def _judged(
    fleet: Fleet, question: Question, runs: Sequence[float]
) -> dict[float, dict[Measure, str]]:
    """Return what the judge says at Unix times of the measures that gates ask for."""
    windows, comparisons = fleet.windows, tuple[Comparison, ...]()
    verdicts = dict[float, dict[Measure, str]]()
    for now in runs:
        seen = replace(fleet, windows=windows.where(windows.time + windows.width <= now), end=now)
        comparisons = analyse_upgrades(seen, question, now, comparisons)
        verdicts[now] = {
            result.measure: result.verdict
            for comparison in comparisons
            for result in comparison.measures
            if result.measure in _MEASURES
        }
    return verdicts


def _lines(rollouts: Iterable[Rollout]) -> Iterator[str]:
    """Yield the judge's verdicts as OpenMetrics text, scraped until its next run."""
    name = "inferfleet_upgrade_verdict"
    yield f"# TYPE {name} gauge\n"
    for each in rollouts:
        runs = sorted(each.verdicts)
        for measure in _MEASURES:
            for verdict in VERDICTS:
                labels = f'cluster="{each.name}",release="{NEW}",model="{MODEL}"'
                labels += f',measure="{measure}",verdict="{verdict}"'
                for begin, end in pairwise([*runs, *(run + 1.0 for run in runs[-1:])]):
                    said = each.verdicts[begin].get(measure)
                    for time in np.arange(begin, end, _SCRAPE) if said else ():
                        yield f"{name}{{{labels}}} {float(said == verdict):g} {time:.0f}\n"
    yield "# EOF\n"


@contextmanager
def prometheus_of(folder: Path, rollouts: Sequence[Rollout]) -> Iterator[Ask]:
    """Run a Prometheus that holds the judge's verdicts; yield how it is asked."""
    fill(folder / "data", _lines(rollouts))
    with prometheus(folder / "data") as url:

        def ask(query: str, time: float) -> list[float]:
            words = urlencode({"query": query, "time": f"{time:.0f}"})
            with urlopen(f"{url}/api/v1/query?{words}", timeout=30) as answer:
                result = json.load(answer)["data"]["result"]
            return [float(each["value"][1]) for each in result]

        yield ask


def by_judge(rollout: Rollout, ask: Ask) -> dict[str, Decision]:
    """Return what the gates decide that ask for the judge's verdicts."""
    arguments = {"release": NEW, "model": MODEL, "cluster": rollout.name}
    metric = argo_metric(resource("argo-analysis.yaml", "inferfleet-verdict"), arguments)
    canaries = {
        "Flagger": resource("flagger-canary.yaml", "vllm"),
        "Flagger, proven": resource("flagger-canary.yaml", "vllm-proven"),
    }
    return {
        "Argo Rollouts, judge": argo_prometheus(metric, ask, START),
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
