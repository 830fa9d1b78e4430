"""Trials in parallel: fleets of every case and seed, put before every judge."""

import json
import lzma
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeVar

from .designs import DESIGNS, PLANS
from .fleet import run_fleet
from .judges import Trial, verdicts
from .outcome import Outcome
from .scenarios import CASES

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


class Job(NamedTuple):
    """One fleet to simulate and judge in the designs that its plan serves."""

    scenario: str
    plan: str
    seed: int


def jobs(names: Iterable[str], plans: Iterable[str], seeds: Iterable[int]) -> list[Job]:
    """Return all jobs, seed by seed: what has no time left is missing in all rows alike."""
    names, plans = list(names), list(plans)
    return [Job(name, plan, seed) for seed in seeds for plan in plans for name in names]


def judge(job: Job) -> list[Outcome]:
    """Return what the judges say of a job's fleet."""
    run = run_fleet(CASES[job.scenario], PLANS[job.plan], job.seed)
    return [
        outcome
        for name, design in DESIGNS.items()
        if design.plan == job.plan
        for outcome in verdicts(Trial(job.scenario, name, job.seed, run))
    ]


def run_all(
    function: Callable[[_Job], list[_Result]],
    arguments: list[_Job],
    processes: int,
    minutes: float,
) -> Iterator[list[_Result]]:
    """Yield the results of one job after another; begin none after so many minutes."""
    work = partial(_in_time, function, monotonic() + 60.0 * minutes)
    with multiprocessing.get_context("forkserver").Pool(processes) as pool:
        yield from pool.imap_unordered(work, arguments)


def _in_time(function: Callable[[_Job], list[_Result]], until: float, job: _Job) -> list[_Result]:
    # the monotonic clock is one for all processes of a machine
    return function(job) if monotonic() < until else []


def save(outcomes: list[Outcome], path: Path) -> None:
    """Write outcomes to a file, as JSON lines packed by xz."""
    with lzma.open(path, "wt", encoding="utf-8") as file:
        for outcome in outcomes:
            file.write(json.dumps(asdict(outcome), separators=(",", ":")) + "\n")


def read(path: Path) -> list[Outcome]:
    """Return the outcomes of a file that `save` wrote."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [Outcome(**json.loads(line)) for line in file]
