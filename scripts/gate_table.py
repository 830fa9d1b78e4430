"""What the shipped rollout gates decide on simulated rollouts of known truth, and after how long.

`python -m scripts.gate_table --write` puts the table into docs/deploy.md. The gates' own queries
and commands are run, on clocks of their own, and decided on as Argo Rollouts, Flagger and a Job do.
"""

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from statistics import median
from typing import Final

from alerts.values import load
from scripts.bench.document import with_sections
from tests.deploy.gated_rollouts import (
    ComparingGate,
    Rollout,
    by_comparison,
    by_judge,
    prometheus_of,
    rollout,
)
from tests.deploy.gates import Decision

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "deploy.md"
HOURS: Final = Path(__file__).parent.parent / "exporter" / "preflight" / "plan" / "gate_hours.yaml"
_HOURS_HEAD: Final = """\
# `inferfleet compare --wait 8h` on simulated rollouts of four of eight servers, hours from their
# traffic to the decision. Written by `python -m scripts.gate_table --write`.
"""
FIRST_SEED: Final = 940_000_000
# the Job runs the command of the first
_COMPARING: Final[tuple[ComparingGate, ...]] = (
    "Argo Rollouts, compare",
    "Argo Rollouts, compare, proven",
)
_NAMES: Final = {"Argo Rollouts, compare": "Argo Rollouts, compare; Job"}


@dataclass(frozen=True)
class Scenario:
    """A kind of rollout; `once` where chance changes nothing, so that one fleet is enough."""

    name: str
    effect: float = 0.0
    servers: int = 8
    traffic: bool = True
    once: bool = False


SCENARIOS: Final = (
    Scenario("-10 %", -0.10),
    Scenario("-5 %", -0.05),
    Scenario("no change"),
    Scenario("one server a side", -0.10, servers=2, once=True),
    Scenario("no traffic", servers=2, traffic=False, once=True),
)


def main() -> None:
    """Run all gates on all rollouts; print the table or write it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--fleets", type=int, default=12, help="rollouts of each kind")
    arguments.add_argument("--first-seed", type=int, default=FIRST_SEED)
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--nice", type=int, default=10)
    arguments.add_argument("--write", action="store_true", help=f"write the table of {DOCUMENT}")
    options = arguments.parse_args()
    os.nice(options.nice)
    jobs = [
        (scenario, number, options.first_seed + 1000 * kind + number)
        for kind, scenario in enumerate(SCENARIOS)
        for number in range(1 if scenario.once else options.fleets)
    ]
    with Pool(options.processes) as pool:
        compared = pool.map(_compared, jobs, chunksize=1)
    rollouts = [each for each, _ in compared]
    with (
        tempfile.TemporaryDirectory() as folder,
        prometheus_of(Path(folder), rollouts) as ask,
    ):
        decisions = [
            (scenario, {**by_judge(each, ask), **own})
            for (scenario, _, _), (each, own) in zip(jobs, compared, strict=True)
        ]
    text = table(decisions)
    if options.write:
        DOCUMENT.write_text(with_sections(DOCUMENT.read_text(), {"gates": text}))
        HOURS.write_text(hours_of_comparing(decisions))
    else:
        print(text)


def _compared(job: tuple[Scenario, int, int]) -> tuple[Rollout, dict[str, Decision]]:
    scenario, number, seed = job
    simulated = rollout(
        f"{scenario.name} {number}",
        seed,
        load().matched,
        scenario.effect,
        servers=scenario.servers,
        traffic=scenario.traffic,
        every=900.0,
        history=12.0,
    )
    decisions: dict[str, Decision] = {
        _NAMES.get(gate, gate): by_comparison(simulated, gate) for gate in _COMPARING
    }
    return simulated, decisions


def table(decisions: Sequence[tuple[Scenario, dict[str, Decision]]]) -> str:
    """Return a row for each gate and a column for each kind of rollout."""
    kinds = list(dict.fromkeys(scenario for scenario, _ in decisions))
    heads = "".join(f" {kind.name} |" for kind in kinds)
    lines = [f"| gate |{heads}", "|---" * (len(kinds) + 1) + "|"]
    for gate in decisions[0][1]:
        cells = (
            _cell([decision[gate] for kind, decision in decisions if kind is each])
            for each in kinds
        )
        lines.append(f"| {gate} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def hours_of_comparing(decisions: Sequence[tuple[Scenario, dict[str, Decision]]]) -> str:
    """Return the hours of `compare --wait` on rollouts it can judge, for `preflight`'s plan."""
    gate = _NAMES["Argo Rollouts, compare"]
    lines = [_HOURS_HEAD]
    for kind in dict.fromkeys(scenario for scenario, _ in decisions if not scenario.once):
        hours = [decision[gate].hours for each, decision in decisions if each is kind]
        lines.append(
            f"- {{rollout: {kind.name}, median: {median(hours):.1f}, least: {min(hours):.1f}, "
            f"most: {max(hours):.1f}}}\n"
        )
    return "".join(lines)


def _cell(decisions: Iterable[Decision]) -> str:
    """Return how often each outcome was, and after how many hours (median, least to most)."""
    hours: dict[str, list[float]] = {}
    for decision in decisions:
        hours.setdefault(decision.outcome, []).append(decision.hours)
    parts = []
    for outcome, times in sorted(hours.items(), key=lambda item: -len(item[1])):
        low, high = f"{min(times):.1f}", f"{max(times):.1f}"
        spread = f" ({low} to {high})" if low != high else ""
        parts.append(f"{len(times)} {outcome}, {median(times):.1f} h{spread}")
    return "; ".join(parts)


if __name__ == "__main__":
    main()
