"""The grid the rules are judged on: confounders, designs, true effects, and naive judges beside."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.recording.settings import UNITS, Settings
from exporter.vocabulary.verdict import Measure

from .cells import CellWindows, windows
from .engine import Shape
from .fleet import SimulatedFleet, simulate
from .noise import Array
from .scenario import SCENARIOS, Part, Scenario, Upgrade
from .twin import judge

DESIGNS: Final = {"8 of 8": 1.0, "4 of 8": 0.5}
NAIVE_MARGIN: Final = 0.05


@dataclass(frozen=True)
class Case:
    """One cell of the grid."""

    design: str
    scenario: str
    effect: float = 0.0
    part: Part = "all"
    engine: Shape = "dense"
    hours_before: float = 24.0
    hours_after: float = 7.0


@dataclass(frozen=True)
class Outcome:
    """What each judge said of one fleet; ratios as logarithms, nan where there is none."""

    rules: dict[Measure, tuple[str, float, float, float]]
    true: dict[Measure, float]
    throughput: str
    inter_token_latency: str


def aa_cases(engine: Shape = "dense") -> Iterator[Case]:
    """Yield one version against itself, under every confounder and design."""
    for design in DESIGNS:
        for scenario in SCENARIOS:
            yield Case(design, scenario, engine=engine)


def effect_cases() -> Iterator[Case]:
    """Yield true effects: whole steps, decode or prefill only, full batches only; MoE; short."""
    for design in DESIGNS:
        for effect in (-0.02, -0.05, -0.10, -0.20, 0.56):
            yield Case(design, "none", effect)
            if effect != -0.20:
                yield Case(design, "all at once", effect)
        for part in ("decode", "prefill", "range"):
            for effect in (-0.10, 0.56) if part != "range" else (-0.20,):
                yield Case(design, "none", effect, part)
        for effect in (0.0, -0.05, -0.10, 0.56):
            yield Case(design, "none", effect, engine="moe")
        yield Case(design, "none", -0.10, hours_before=3.0, hours_after=1.5)


def run(case: Case, seed: int, settings: Settings, measure: Measure = "decode") -> Outcome:
    """Return what the judges say of one fleet: of a measure, where all of a step is touched."""
    random = np.random.default_rng(seed)
    upgrade = Upgrade(
        case.effect, case.part, DESIGNS[case.design], case.hours_before, case.hours_after
    )
    fleet = simulate(random, upgrade, SCENARIOS[case.scenario], case.engine)
    given = windows(fleet)
    measures: tuple[Measure, ...] = (measure,) if case.part == "all" else ("decode", "prefill")
    judged = judge(given, settings, measures)
    true = {measure: _true(given, measure) if case.effect else 0.0 for measure in measures}
    fleets = [fleet]
    if case.scenario == "other GPUs added":
        # weaker machines that come with the candidate: another class to the rules
        fleets.append(simulate(random, Upgrade(share=1.0, roll=0.0), Scenario(rate=2.3), servers=4))
    throughput, inter_token_latency = _naive(fleets, case)
    return Outcome(
        {name: (one.verdict, one.ln, one.lower, one.upper) for name, one in judged.items()},
        true,
        throughput,
        inter_token_latency,
    )


def _true(given: CellWindows, measure: Measure) -> float:
    """Return the true effect as the rules define it: of a server's median window, their mean."""
    judged = np.where((given.release == 1) & ~given.young, 1.0, np.nan)
    took = given.gained[UNITS[measure][0]].sum(1) * judged
    ratio = np.log(given.truth[measure].sum(1) / took)
    upgraded = np.isfinite(ratio).any(1)
    return float(np.nanmedian(ratio[upgraded], axis=1).mean()) if upgraded.any() else 0.0


def _naive(fleets: list[SimulatedFleet], case: Case) -> tuple[str, str]:
    """Old against new: beside each other, or with the same hours of the day before."""
    new, old = list[tuple[Array, Array]](), list[tuple[Array, Array]]()
    for i, fleet in enumerate(fleets):
        late = fleet.time > 3600
        fresh = (fleet.release == 1) & late & (fleet.age > 3600)
        day = 24 * 3600 if case.hours_before >= 24 else 0
        if case.design == "8 of 8":
            aged = (fleet.release == 0) & (fleet.time < 0) & (fleet.time > 3600 - day)
            aged = aged & (fleet.time + day < fleet.time[-1]) if day else aged
        else:
            aged = (fleet.release == 0) & late
        for kept, found in ((fresh, new), (aged, old)):
            if i == 0 or found is new:
                found.append((fleet.decode_tokens[kept], (fleet.batch * 15.0)[kept]))
    if not sum(len(v) for v, _ in new) or not sum(len(v) for v, _ in old):
        return "equivalent", "equivalent"
    rate = [np.concatenate([v for v, _ in side]).mean() for side in (new, old)]
    time = [
        np.concatenate([d for _, d in side]).sum() / np.concatenate([v for v, _ in side]).sum()
        for side in (new, old)
    ]
    return _call(rate[0] / rate[1]), _call(time[1] / time[0])


def _call(ratio: float) -> str:
    if ratio < 1 - NAIVE_MARGIN:
        return "regression"
    return "improvement" if ratio > 1 + NAIVE_MARGIN else "equivalent"
