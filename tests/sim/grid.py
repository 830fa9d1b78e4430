"""The grid the rules are judged on: confounders, designs, true effects, and naive judges beside."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.recording.settings import UNITS, Settings
from exporter.vocabulary.verdict import Measure

from .cells import WARM_UP, CellWindows, cell_windows
from .engine import Shape
from .fleet import SimulatedFleet, simulate_fleet
from .noise import SLICE, Array
from .observations import Bools
from .rules import evaluate
from .scenario import SCENARIOS, Part, Scenario, Upgrade

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


def judge(case: Case, seed: int, settings: Settings, measure: Measure = "decode") -> Outcome:
    """Return what the judges say of one fleet: of a measure, where all of a step is touched."""
    random = np.random.default_rng(seed)
    upgrade = Upgrade(
        case.effect, case.part, DESIGNS[case.design], case.hours_before, case.hours_after
    )
    fleet = simulate_fleet(random, upgrade, SCENARIOS[case.scenario], case.engine)
    observed = cell_windows(fleet)
    measures: tuple[Measure, ...] = (measure,) if case.part == "all" else ("decode", "prefill")
    verdicts = evaluate(observed, settings, measures)
    true = {name: _true_effect(observed, name) if case.effect else 0.0 for name in measures}
    fleets = [fleet]
    if case.scenario == "other GPUs added":
        # weaker machines that come with the candidate: another class to the rules
        fleets.append(
            simulate_fleet(random, Upgrade(share=1.0, roll=0.0), Scenario(rate=2.3), servers=4)
        )
    throughput, inter_token_latency = _naive(fleets, case)
    return Outcome(
        {
            name: (verdict.verdict, verdict.ln, verdict.lower, verdict.upper)
            for name, verdict in verdicts.items()
        },
        true,
        throughput,
        inter_token_latency,
    )


def _true_effect(observed: CellWindows, measure: Measure) -> float:
    """Return the true effect as the rules define it: of a server's median window, their mean."""
    counted = np.where((observed.release == 1) & ~observed.young, 1.0, np.nan)
    actual = observed.gained[UNITS[measure][0]].sum(1) * counted
    ratio = np.log(observed.truth[measure].sum(1) / actual)
    upgraded = np.isfinite(ratio).any(1)
    return float(np.nanmedian(ratio[upgraded], axis=1).mean()) if upgraded.any() else 0.0


def _naive(fleets: list[SimulatedFleet], case: Case) -> tuple[str, str]:
    """Return the calls of tokens per second and of time between tokens, old against new.

    Beside each other where both run, else against the same hours of the day before. Servers that
    came with the candidate count on its side only.
    """
    day = 24 * 3600 if case.hours_before >= 24 else 0
    candidate, baseline = list[tuple[Array, Array]](), list[tuple[Array, Array]]()
    for number, fleet in enumerate(fleets):
        after_warm_up = fleet.time > WARM_UP
        new = (fleet.release == 1) & after_warm_up & (fleet.age > WARM_UP)
        candidate.append(_tokens_and_batch(fleet, new))
        if number > 0:
            continue
        if case.design == "8 of 8":
            old = (fleet.release == 0) & (fleet.time < 0) & (fleet.time > 3600 - day)
            old = old & (fleet.time + day < fleet.time[-1]) if day else old
        else:
            old = (fleet.release == 0) & after_warm_up
        baseline.append(_tokens_and_batch(fleet, old))
    new_tokens, new_seconds = (np.concatenate(parts) for parts in zip(*candidate, strict=True))
    old_tokens, old_seconds = (np.concatenate(parts) for parts in zip(*baseline, strict=True))
    if not len(new_tokens) or not len(old_tokens):
        return "equivalent", "equivalent"
    token_time = new_seconds.sum() / new_tokens.sum(), old_seconds.sum() / old_tokens.sum()
    return _call(new_tokens.mean() / old_tokens.mean()), _call(token_time[1] / token_time[0])


def _tokens_and_batch(fleet: SimulatedFleet, mask: Bools) -> tuple[Array, Array]:
    """Return the tokens decoded and the sequence-seconds spent on them, slice by slice."""
    return fleet.decode_tokens[mask], (fleet.batch * SLICE)[mask]


def _call(ratio: float) -> str:
    if ratio < 1 - NAIVE_MARGIN:
        return "regression"
    return "improvement" if ratio > 1 + NAIVE_MARGIN else "equivalent"
