"""When a rollout would have had its verdict, had it been made in the fleet's past.

Pure arithmetic. The upgrade is pretended at several moments of the past, of other servers each
time, and looked at as `compare --wait` looks: by the same estimator, on what the servers really
did. An effect is put in by moving the estimate, whose standard error stays what the data give.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, expm1, log1p
from statistics import median
from typing import Final

import numpy as np

from ..assess.criteria import Criteria
from ..assess.effects import MIN_COVERAGE, lacks_windows
from ..assess.verdict import verdict_of
from ..estimate import observations
from ..estimate.blocker import DAY_HOURS
from ..estimate.design import choose_design
from ..estimate.mix import Mix, Name, mix_shift
from ..estimate.speed import speed_index
from ..fleet.windows import Fleet
from ..statistics.effect import Effect
from .rollout import Rollout, pretended_upgrade

_LOOKS: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Hours after a pretended upgrade at which it is looked at; its verdict falls between two."""
_DAY_LOOKS: Final = (25.0, 26.0, 28.0, 32.0, 36.0, 48.0)
"""The same where a day of the release is set against the day before."""
_UPGRADES: Final = 6
"""How many upgrades are pretended of each rollout, at most."""
LEAST_PAST: Final = 7 * 3600.0
"""Seconds before an upgrade that the upgraded servers need to be their own control."""
LEAST_DAYS: Final = 3600.0 * (DAY_HOURS + _DAY_LOOKS[0])
"""Seconds of past in which an upgrade of all servers at once can be pretended."""
_SEED: Final = 1
_PROMPTS: Final[Name] = "prompts to compute"


@dataclass(frozen=True, slots=True)
class Wait:
    """Hours to a verdict over pretended upgrades; those without one in time have None."""

    hours: tuple[float | None, ...]

    @property
    def decided(self) -> tuple[float, ...]:
        """The hours of those that have a verdict, in order."""
        return tuple(sorted(hours for hours in self.hours if hours is not None))

    @property
    def median(self) -> float | None:
        """The median of all, None where it is of those without a verdict."""
        middle = median(np.inf if hours is None else hours for hours in self.hours)
        return middle if np.isfinite(middle) else None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a rollout's verdict takes: to find a loss, and to show that nothing changed.

    `wrong_calls` counts the pretended upgrades in which a change was called where there was none.
    """

    rollout: Rollout
    loss: Wait
    no_change: Wait
    wrong_calls: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a verdict: `effect` is the loss to find and `margin` the one that counts.

    Both are relative and above 0; `warm_up` and `wait` are in seconds. `cached` is the share of
    looked-up prompt tokens that caches hold, which a start empties.
    """

    effect: float
    margin: float
    warm_up: float
    wait: float
    alpha: float = 0.05
    cached: float = 0.0

    def cold_prompts(self, seconds: float) -> float:
        """Return by what factor a start makes prompts longer to compute, over so many seconds.

        An empty cache holds nothing, and it is taken to fill exponentially, in a warm-up to two
        thirds.
        """
        emptiness = -expm1(-seconds / self.warm_up) * self.warm_up / seconds
        return exp(-log1p(-self.cached) * emptiness)


def forecast(fleet: Fleet, rollout: Rollout, terms: Terms) -> Forecast | None:
    """Return how long a rollout's verdict takes, None where the past is too short to tell.

    `fleet` holds the servers to upgrade alone, each with one release.
    """
    random = np.random.default_rng(_SEED)
    losses, same, wrong = list[float | None](), list[float | None](), 0
    for start in _starts(fleet, rollout, terms):
        chosen = np.zeros(rollout.servers, dtype=bool)
        chosen[random.choice(rollout.servers, rollout.upgraded, replace=False)] = True
        outcome = _outcome(fleet, rollout, terms, list(chosen), start)
        losses.append(outcome.loss)
        same.append(outcome.no_change)
        wrong += outcome.is_wrong
    if not losses:
        return None
    return Forecast(rollout, Wait(tuple(losses)), Wait(tuple(same)), wrong)


def _looks(rollout: Rollout, terms: Terms) -> tuple[float, ...]:
    """Return the seconds after a rollout's start at which it is looked at."""
    if rollout.kind == "all at once":
        return tuple(3600.0 * hours for hours in _DAY_LOOKS)
    looks = (3600.0 * hours for hours in _LOOKS)
    return tuple(look for look in looks if rollout.period < look <= terms.wait)


def _starts(fleet: Fleet, rollout: Rollout, terms: Terms) -> Iterator[float]:
    """Yield the moments at which upgrades are pretended, spread over the past."""
    windows = fleet.windows
    if not len(windows):
        return
    begin, end = float(windows.time.min()), float(windows.time.max()) + windows.width
    if rollout.kind == "all at once":
        first, last = begin + 3600.0 * DAY_HOURS, end - _looks(rollout, terms)[0]
    else:
        first = begin + (0.0 if rollout.kind == "swap" else LEAST_PAST)
        last = end - terms.wait
    if last < first:
        return
    steps = int((last - first) // windows.width)
    count = min(_UPGRADES, steps + 1)
    for step in np.unique(np.linspace(0, steps, count).astype(np.int64)):
        yield first + float(step) * windows.width


@dataclass(frozen=True, slots=True)
class _Outcome:
    loss: float | None
    no_change: float | None
    is_wrong: bool


def _outcome(
    fleet: Fleet, rollout: Rollout, terms: Terms, chosen: list[bool], start: float
) -> _Outcome:
    """Return after how many hours a pretended upgrade has each verdict, None for none in time."""
    upgrade, candidates = pretended_upgrade(fleet, rollout, chosen, start)
    criteria = Criteria(terms.margin, terms.alpha, detail=False, horizon=terms.wait / 3600.0)
    shift = log1p(-terms.effect)
    loss: float | None = None
    verdict, decided = "", None
    end = float(fleet.windows.time.max()) + fleet.windows.width
    for look in _looks(rollout, terms):
        if start + look > end or (loss is not None and decided is not None):
            break
        windows = upgrade.windows
        history = windows.where(windows.time + windows.width <= start + look + 1.0)
        cold = terms.cold_prompts(look)
        known = _effect(replace(upgrade, windows=history), candidates, terms, criteria, cold)
        if known is None:
            continue
        effect, level = known
        hours = look / 3600.0
        moved = replace(effect, estimate=effect.estimate + shift)
        if loss is None and verdict_of(moved, terms.margin, level) == "regression":
            loss = hours
        if decided is None:
            verdict = verdict_of(effect, terms.margin, level)
            decided = None if verdict == "inconclusive" else hours
    return _Outcome(
        loss,
        decided if verdict == "equivalent" else None,
        verdict in ("regression", "improvement"),
    )


def _effect(
    fleet: Fleet, candidates: list[bool], terms: Terms, criteria: Criteria, cold: float
) -> tuple[Effect, float] | None:
    """Return the effect on decoding and the level of its look, None where it cannot be judged.

    `cold` is the factor by which the candidate's prompts would be longer to compute.
    """
    windows = fleet.windows
    treated = np.asarray(candidates)[windows.server]
    if not treated.any() or treated.all():
        return None
    design = choose_design(windows, candidates, fleet.facts, terms.warm_up)
    if design.fault:
        return None
    ratios = mix_shift(windows, None, design).ratios
    mix = Mix({**ratios, _PROMPTS: ratios.get(_PROMPTS, 1.0) * cold})
    design = replace(design, mix_stderr=mix.stderr)
    observed = observations.decode(windows)
    index = speed_index(observed, design) if observed.rows.any() else None
    if index is None or index.matching.coverage < MIN_COVERAGE:
        return None
    effect = index.effect(design)
    if effect is None or lacks_windows(index):
        return None
    return effect, criteria.at_look(effect, design).alpha
