"""The effect in each load phase of recorded runs, by the load client's figures and by the cells.

Pure arithmetic.
"""

from collections.abc import Sequence
from math import exp

import numpy as np

from ..assess.criteria import Criteria
from ..assess.result import Estimate, PhaseEffect, PhaseLatency
from ..assess.verdict import estimate_of, p_value, verdict_of
from ..fleet.arrays import Floats, Mask
from ..fleet.phases import LATENCIES, Phase, phase_names, request_rate
from ..fleet.windows import Windows
from .effect import effect_of_runs
from .measures import known_sides, spread_of, standing_calls


def phase_effects(
    windows: Windows,
    phases: Sequence[Sequence[Phase]],
    candidate: Mask,
    criteria: Criteria,
) -> tuple[PhaseEffect, ...]:
    """Return the effect in every phase that both sides have.

    `phases` are those of each run, `candidate` holds of each whether it is the candidate's. Of
    several phases some differ by chance: a call that does not stand beside the others (Holm) is
    withdrawn.
    """
    effects = list[PhaseEffect]()
    for name in phase_names(phases):
        effect = _phase_effect(name, windows, phases, candidate, criteria)
        if effect is not None:
            effects.append(effect)
    p_values = [effect.p_value for effect in effects]
    return tuple(standing_calls(effects, p_values, criteria.alpha))


def _phase_effect(
    name: str,
    windows: Windows,
    phases: Sequence[Sequence[Phase]],
    candidate: Mask,
    criteria: Criteria,
) -> PhaseEffect | None:
    client, cells = np.full(len(phases), np.nan), np.full(len(phases), np.nan)
    latencies = {latency: np.full(len(phases), np.nan) for latency in LATENCIES}
    for run, phase in ((i, p) for i, own in enumerate(phases) for p in own if p.name == name):
        client[run] = np.log(phase.client_rate)
        rate = request_rate(windows, run, phase)
        cells[run] = np.log(rate) if rate > 0 else np.nan
        for latency, seconds in phase.client_latencies.items():
            latencies[latency][run] = np.log(seconds)
    old, new = known_sides(client, candidate)
    if not len(old) or not len(new):
        return None
    effect = effect_of_runs(old, new)
    old_cells, new_cells = known_sides(cells, candidate)
    return PhaseEffect(
        phase=name,
        verdict="not_comparable"
        if effect is None
        else verdict_of(effect, criteria.margin, criteria.alpha),
        baseline_rate=exp(old.mean()),
        candidate_rate=exp(new.mean()),
        client_ratio=exp(new.mean() - old.mean()),
        estimate=_estimate(old, new, criteria),
        p_value=None if effect is None else p_value(effect),
        run_spread=spread_of(client, candidate),
        cells_ratio=_ratio(old_cells, new_cells),
        cells_estimate=_estimate(old_cells, new_cells, criteria),
        latencies=tuple(
            known
            for latency, logs in latencies.items()
            if (known := _latency(latency, logs, candidate, criteria))
        ),
    )


def _latency(name: str, logs: Floats, candidate: Mask, criteria: Criteria) -> PhaseLatency | None:
    old, new = known_sides(logs, candidate)
    ratio = _ratio(old, new)
    if ratio is None:
        return None
    return PhaseLatency(
        name=name,
        baseline=exp(old.mean()),
        candidate=exp(new.mean()),
        ratio=ratio,
        estimate=_estimate(old, new, criteria),
        run_spread=spread_of(logs, candidate),
    )


def _ratio(old: Floats, new: Floats) -> float | None:
    return exp(new.mean() - old.mean()) if len(old) and len(new) else None


def _estimate(old: Floats, new: Floats, criteria: Criteria) -> Estimate | None:
    effect = effect_of_runs(old, new)
    return None if effect is None else estimate_of(effect, criteria.alpha)
