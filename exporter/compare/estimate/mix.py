"""Whether both sides were asked alike: how long prompts and outputs are, and how much is cached.

Pure arithmetic. A curve over the batch, with prefill share and context, does not know of these:
the time a prompt token takes depends on how long its prompt is, and what is accepted of drafts on
what is asked. The shift is what the same regression finds as finds the release's effect, so that
what a node's own past or the same hour explains is no shift.
"""

from dataclasses import dataclass
from math import hypot, log
from typing import Final, Literal

import numpy as np

from ..fleet.arrays import Floats
from ..fleet.windows import Lookups, Windows, collapse
from ..statistics.regression import Regression, absorbed, coefficient
from .design import Design
from .shares import hit_ratio, kept_row

Name = Literal["prompts", "prompts to compute", "outputs", "cached share"]

MAX_SHIFT: Final = 0.20
"""Relative difference of a mean up to which requests are taken to be alike.

A start empties the prefix cache, which makes the prompts to compute 6 to 16 % longer for hours.
"""
_STDERR_PER_LOG: Final = 0.04
_ENERGY_STDERR_PER_LOG: Final = 0.05
_PREFILL_STDERR_PER_LOG: Final = 0.12
"""Standard error of a log speed for each unit of log length of prompts, of energy and of prefill.

On fleets run step by step (scripts/trial), whose candidate got 40 % longer prompts and was no
slower, decoding at equal load read 0.9 to 1.6 % slower, energy 1.7 to 2 %, and prefill 3.5 to
4.4 %. Where caches filled for hours, so that prompts to compute were 18 % longer, prefill read 3 %
slower.
"""
_DEMAND_STDERR_PER_LOG: Final = 0.3
"""The same of latency over demand, for each unit of log length of prompts or of outputs.

There prompts 40 % longer read 6 % slower, and outputs half as long again 6 to 12 % faster.
"""
_UNLIKE_STDERR_PER_LOG: Final = 0.2
"""Standard error of a log speed of prefill for each unit that decoding's change differs from its.

Each prompt of a step takes all of its time, and how many are together follows from the traffic. A
release that changes parts of a step unlike has another traffic at the same batch: on fleets run
step by step (scripts/trial) prefill read wrong by 0.29 to 0.32 of that difference, away from
decoding's change, whichever part was changed.
"""
_MIN_REQUESTS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Mix:
    """By how much the candidate's requests differ, as ratios; what is unknown is missing."""

    ratios: dict[Name, float]

    @property
    def stderr(self) -> float:
        """The standard error that other requests leave in a log speed at equal load."""
        return _STDERR_PER_LOG * self._log_change("prompts to compute")

    @property
    def energy_stderr(self) -> float:
        """The standard error that they leave in log energy."""
        return _ENERGY_STDERR_PER_LOG * self._log_change("prompts to compute")

    @property
    def prefill_stderr(self) -> float:
        """The standard error that they leave in the log speed of prefill."""
        return _PREFILL_STDERR_PER_LOG * self._log_change("prompts to compute")

    @property
    def demand_stderr(self) -> float:
        """The standard error that they leave in the log latency over demand."""
        changes = self._log_change("prompts to compute"), self._log_change("outputs")
        return _DEMAND_STDERR_PER_LOG * hypot(*changes)

    def unlike_stderr(self, prefill: float, decode: float) -> float:
        """Return the standard error of prefill's log speed where decoding changed by another.

        Given are both changes as logs, decoding's by the token.
        """
        output = decode - log(self.ratios.get("outputs", 1.0))
        return _UNLIKE_STDERR_PER_LOG * abs(prefill - output)

    def _log_change(self, name: Name) -> float:
        return abs(log(self.ratios.get(name, 1.0)))

    def moved(self, *names: Name) -> dict[Name, float]:
        """Return the ratios of those beyond what is taken to be alike."""
        known = {name: self.ratios[name] for name in names if name in self.ratios}
        return {name: ratio for name, ratio in known.items() if abs(ratio - 1.0) > MAX_SHIFT}


def mix_shift(windows: Windows, lookups: Lookups | None, design: Design) -> Mix:
    """Return how the requests of both sides differ, by server and whole window."""
    ratios: dict[Name, float] = {}
    whole, whole_design = collapse(windows), design.per_window(windows)
    tokens_of: dict[Name, Floats] = {
        "prompts": _looked_up(lookups, whole, whole_design),
        "prompts to compute": whole.column("prefill_tokens"),
        "outputs": whole.column("decode_tokens"),
    }
    requests = whole.column("first_tokens")
    for name, tokens in tokens_of.items():
        rows = whole_design.keep & (requests >= _MIN_REQUESTS) & (tokens > 0)
        if rows.any():
            length = tokens[rows] / requests[rows]
            shift = _shift(
                Regression(
                    length / length.mean(),
                    requests[rows] / requests[rows].mean(),
                    whole_design.treated[rows].astype(np.float64),
                    whole_design.node[rows],
                    whole_design.block[rows],
                    design.treated_arm,
                    design.node_effects,
                    design.concurrent,
                )
            )
            if shift is not None:
                ratios[name] = shift
    share = hit_ratio(lookups, windows, design)
    if share is not None and share.treated.any() and share.baseline > 0:
        shift = _shift(share.regression(design))
        if shift is not None:
            ratios["cached share"] = shift
    return Mix(ratios)


def _looked_up(lookups: Lookups | None, whole: Windows, design: Design) -> Floats:
    """Return the tokens of the prompts of each whole window, cached ones included, or NaN.

    Every prompt is looked up in the prefix cache.
    """
    tokens = np.full(len(whole), np.nan)
    if lookups is not None and len(lookups.server) and design.keep.any():
        row = kept_row(lookups, whole, design)
        tokens[row[row >= 0]] = lookups.queried[row >= 0]
    return tokens


def _shift(regression: Regression) -> float | None:
    """Return the treated rows' mean over what it would be, None where that is not known."""
    weight: Floats = regression.weight
    treated = regression.treated > 0
    if not treated.any() or treated.all():
        return None
    treatment = absorbed(regression.treated, weight, regression)
    change = coefficient(absorbed(regression.y, weight, regression), treatment, weight)
    if change is None:
        return None
    mean = float(np.average(regression.y[treated], weights=weight[treated]))
    return mean / (mean - change) if mean > change else None
