"""The measures of one comparison, each with its effect and verdict.

Pure arithmetic.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import hypot
from typing import Final, get_args

import numpy as np

from ...vocabulary.verdict import Measure, Verdict
from ..estimate import observations, shares
from ..estimate.demand import at_equal_demand
from ..estimate.design import MACHINES_IN_ENERGY, Design
from ..estimate.mix import Mix, Name
from ..estimate.observations import Observations
from ..estimate.shares import Share
from ..estimate.speed import SpeedIndex, speed_index
from ..estimate.spread import NOTHING_LEARNT, NodeKnowledge
from ..fleet.windows import Lookups, Windows
from ..statistics.regression import MIN_WINDOWS
from .criteria import Criteria, judge_effect, node_spread, not_comparable
from .result import MeasureResult
from .subgroups import by_cell, by_range, by_subgroup
from .verdict import is_call, withdraw_chance_calls
from .wording import batch_range

MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
"""What is compared, in the order of the report."""

MIN_COVERAGE: Final = 0.5

DEPENDS_ON: Final[Mapping[Measure, tuple[Name, ...]]] = {
    "prefill": ("prompts to compute", "outputs"),
    "hit_ratio": ("prompts", "outputs"),
    "speculation": ("prompts to compute", "outputs"),
}
"""Of which means of the requests the measures depend beside the load they are compared at."""

_OF_CACHES: Final[tuple[Measure, ...]] = ("prefill", "energy", "hit_ratio")
"""What changes while the prefix caches of started servers fill, though nothing else does."""

_FULL_SECONDS: Final = 3600.0

_LARGE_LATENCY_CHANGE: Final = 0.10
_MORE_TRAFFIC: Final = "wait for more traffic"
_RUN_BOTH: Final = "run both releases at once, on the same traffic"


def compare_measures(
    windows: Windows,
    design: Design,
    lookups: Lookups | None,
    forbidden: Mapping[str, str],
    criteria: Criteria,
    mix: Mix,
    learnt: Mapping[Measure, NodeKnowledge],
) -> tuple[tuple[MeasureResult, ...], SpeedIndex | None, float]:
    """Return every measure there is data for, decode first, decode's index, and the level used.

    `forbidden` maps the measures that may not be compared to the reason; `mix` is how the sides'
    requests differ, `learnt` what is known of nodes beside, for each measure. Where it is one of
    many looks, what is known of decode, or else of prefill, says how much of the level it may use.
    """
    drafted = windows.column("spec_draft_tokens") > 0
    speculating = {bool(drafted[design.treated == side].any()) for side in (False, True)}
    whole_windows = windows
    if len(speculating) > 1:
        # a step of one side is then no step of the other
        windows = windows.without("spec_accepted_tokens")
    prefilled = observations.prefill(windows)
    setting = replace(design, learnt=learnt.get("prefill", NOTHING_LEARNT))
    design = replace(design, learnt=learnt.get("decode", NOTHING_LEARNT))
    index = decoding = _index(observations.decode(windows), design)
    criteria = _at_look(criteria, index, design)
    if criteria.horizon:
        # servers that hardly decode have no decoding that tells how much is known
        criteria = _at_look(criteria, _index(prefilled, setting), setting)
    index = None if "decode" in forbidden else index
    decode = at_equal_load("decode", index, design, forbidden, criteria)
    # what depends on caches is judged once they are full: decoding settles long before
    warm = design.with_warm_caches()
    latency = _between_tokens(windows, index, decode.coverage, design, forbidden, criteria, mix)
    results: dict[Measure, MeasureResult] = {"inter_token_latency": latency}
    by_load: dict[Measure, Observations] = {
        "prefill": prefilled,
        "energy": observations.energy(windows),
    }
    for measure, observed in by_load.items():
        if observed.rows.any():
            setting = replace(warm, learnt=learnt.get(measure, NOTHING_LEARNT))
            own = None if measure in forbidden else _index(observed, setting)
            if measure == "energy":
                known, machines = mix.energy_stderr, MACHINES_IN_ENERGY
            else:
                known, machines = mix.prefill_stderr, setting.machines
                if own is not None:
                    unlike = unlike_stderr(windows, decoding, own, design, setting, mix)
                    known = hypot(known, unlike)
            setting = replace(setting, mix_stderr=known, machines=machines)
            results[measure] = at_equal_load(measure, own, setting, forbidden, criteria)
    as_shares: dict[Measure, Share | None] = {
        "hit_ratio": shares.hit_ratio(lookups, windows, warm),
        "speculation": shares.speculation(whole_windows, design),
    }
    for measure, share in as_shares.items():
        if share is not None:
            results[measure] = of_share(measure, share, design, forbidden, criteria)
    if not design.fault and _fills_caches(windows, design, warm):
        results |= {
            measure: not_comparable(
                measure,
                "the candidate's prefix caches still fill: this is judged from an hour of work "
                "after the whole of --warm-up on",
                "wait" if design.growing else "",
                code="overlap",
            )
            for measure in _OF_CACHES
            if measure in results and measure not in forbidden
        }
    results |= {
        measure: _other_requests(measure, moved, results[measure])
        for measure, names in DEPENDS_ON.items()
        if measure in results and (moved := mix.moved(*names))
    }
    others = [results[measure] for measure in MEASURES if measure in results]
    return (
        (
            _by_direction(decode, latency, design),
            *withdraw_chance_calls(others, criteria.alpha, "measures judged"),
        ),
        index,
        criteria.alpha,
    )


def _between_tokens(
    windows: Windows,
    decode: SpeedIndex | None,
    coverage: float | None,
    design: Design,
    forbidden: Mapping[str, str],
    criteria: Criteria,
    mix: Mix,
) -> MeasureResult:
    """Return the speed between tokens at equal demand, from decoding's index and its coverage.

    Where the loads hardly overlap, or the baseline's batch at such demands is not known, it is the
    latency over the demand itself. That depends on what prompts and contexts add at each batch, of
    which a sum of slopes does not know.
    """
    measure: Measure = "inter_token_latency"
    if measure in forbidden:
        return not_comparable(measure, forbidden[measure], code="meaning")
    demand = None
    if decode is not None and (design.fault or (coverage or 0.0) >= MIN_COVERAGE):
        demand = at_equal_demand(decode, windows)
    if demand is not None and demand.speed.matching.coverage >= MIN_COVERAGE:
        return _of_index(measure, demand.speed, design, criteria, demand.amplification)
    _, observed = observations.inter_token_latency(windows)
    warm = design.with_warm_caches()
    setting = replace(warm, mix_stderr=mix.demand_stderr, learnt=NOTHING_LEARNT).per_window(windows)
    result = at_equal_load(measure, _index(observed, setting), setting, forbidden, criteria)
    moved = mix.moved("prompts to compute", "outputs")
    return _other_requests(measure, moved, result) if moved else result


def unlike_stderr(
    windows: Windows,
    decoding: SpeedIndex | None,
    prefill: SpeedIndex,
    design: Design,
    warm: Design,
    mix: Mix,
) -> float:
    """Return the standard error of prefill's log speed where decoding changed by another.

    `decoding` is its index by the step, `design` its design, `warm` that of prefill.
    """
    if np.nan_to_num(windows.column("spec_accepted_tokens")).any():
        # at a batch there is the traffic that the time of an output leaves, not that of a step
        tokens = observations.decode(windows.without("spec_accepted_tokens"))
        decoding = _index(tokens, design)
    if decoding is None:
        return 0.0
    return mix.unlike_stderr(prefill.change(warm), decoding.change(design))


def _fills_caches(windows: Windows, design: Design, warm: Design) -> bool:
    """Whether too little of the candidate's work was done with full caches.

    Two of its servers, where it has two, and an hour: hits still rise when the first work counts.
    """
    count, full = (len(np.unique(each.node[each.treated & each.keep])) for each in (design, warm))
    seconds = len(np.unique(windows.time[warm.treated & warm.keep])) * windows.width
    return full < min(count, 2) or (
        seconds < _FULL_SECONDS and bool((design.treated & design.young).any())
    )


def _other_requests(
    measure: Measure, moved: Mapping[Name, float], result: MeasureResult
) -> MeasureResult:
    """Return a measure as not comparable, because it depends on what is asked and that differs."""
    if result.verdict == "not_comparable":
        return result
    listed = " and ".join(f"{name} {100 * (ratio - 1):+.0f} %" for name, ratio in moved.items())
    refused = not_comparable(
        measure,
        f"the candidate was asked other things ({listed}), on which this depends",
        "send both sides the same traffic",
        code="coverage",
    )
    ratio = result.estimate.ratio if result.estimate else None
    return refused.model_copy(update={"observed_ratio": ratio, "coverage": result.coverage})


def at_equal_load(
    measure: Measure,
    index: SpeedIndex | None,
    design: Design,
    forbidden: Mapping[str, str],
    criteria: Criteria,
) -> MeasureResult:
    """Return a measure compared at matched load, from its index where there is one."""
    if measure in forbidden:
        return not_comparable(measure, forbidden[measure], code="meaning")
    if index is None:
        if design.fault:
            return _blocked(measure, design)
        return not_comparable(
            measure,
            "there are too few windows with such work",
            _MORE_TRAFFIC if design.growing else "",
            code="work",
        )
    return _of_index(measure, index, design, criteria)


def _index(observed: Observations, design: Design) -> SpeedIndex | None:
    return speed_index(observed, design) if observed.rows.any() else None


def _at_look(criteria: Criteria, index: SpeedIndex | None, design: Design) -> Criteria:
    """Return the criteria at the level that what is known allows a look."""
    if index is None or not criteria.horizon:
        return criteria
    return criteria.at_look(index.effect(design), design)


def _of_index(
    measure: Measure,
    index: SpeedIndex,
    design: Design,
    criteria: Criteria,
    amplification: float = 1.0,
) -> MeasureResult:
    """Return a measure from its index, in units of which an effect is so many times as large."""
    matching = index.matching
    # demand is no batch: there is nothing to cut into batch ranges
    has_batch = measure != "inter_token_latency"
    described = {
        "coverage": matching.coverage,
        "cells": by_cell(index, design, criteria) if has_batch else (),
    }
    if not design.fault and matching.coverage < MIN_COVERAGE:
        result = not_comparable(
            measure,
            f"only {matching.coverage:.0%} of the candidate's work was done at loads the baseline "
            f"also had; most of the rest differs in {matching.lacking}",
            "send both sides the same traffic",
            code="coverage",
        )
        return result.model_copy(update=described)
    if measure == "decode" or (has_batch and criteria.detail):
        described["ranges"] = by_range(index, design, criteria)
    effect = index.effect(design, amplification=amplification)
    effect = None if effect is None else effect.times(amplification)
    if design.fault:
        result = _blocked(measure, design)
        if effect is None:
            return result
        observed_ratio = float(np.exp(effect.estimate))
        return result.model_copy(update={**described, "observed_ratio": observed_ratio})
    if effect is None or lacks_windows(index):
        result = not_comparable(
            measure,
            "the candidate has too few windows at such loads",
            _MORE_TRAFFIC if design.growing else "",
            code="work",
        )
        return result.model_copy(update={"coverage": matching.coverage})
    if measure == "decode":
        described["subgroups"] = by_subgroup(index, design, criteria)
    described["node_spread"] = node_spread(effect, design)
    result = judge_effect(measure, effect, design, criteria).model_copy(update=described)
    return _with_slower_parts(result)


def lacks_windows(index: SpeedIndex) -> bool:
    """Whether the candidate has too few rows at shared loads for an effect."""
    return int((index.matching.weight[index.treated] > 0).sum()) < MIN_WINDOWS


def _with_slower_parts(result: MeasureResult) -> MeasureResult:
    """Return a result that is not equivalent where a part of the load got slower."""
    slower = [
        f"batch {batch_range(part.low, part.high)} ({part.token_share:.0%} of the tokens)"
        for part in result.ranges
        if part.verdict == "regression"
    ]
    slower += [part.name for part in result.subgroups if part.verdict == "regression"]
    if result.verdict != "equivalent" or not slower:
        return result
    reason = f"the whole is within the margin, but it got slower at {', '.join(slower)}"
    return result.model_copy(update={"verdict": "inconclusive", "reason": reason})


def _blocked(measure: Measure, design: Design) -> MeasureResult:
    """Return the result of a measure that the design keeps from being compared."""
    return not_comparable(measure, design.fault, design.remedy, code=design.reason_code)


def of_share(
    measure: Measure,
    share: Share,
    design: Design,
    forbidden: Mapping[str, str],
    criteria: Criteria,
) -> MeasureResult:
    """Return a share compared as it is; the ratio is that of the shares."""
    if measure in forbidden:
        return not_comparable(measure, forbidden[measure], code="meaning")
    if not share.treated.any() or share.treated.all():
        if design.fault:
            return _blocked(measure, design)
        return not_comparable(measure, "one side has no such work", code="work")
    if share.baseline <= 0:
        return not_comparable(measure, "the baseline's share is 0", code="work")
    if design.fault:
        result = _blocked(measure, design)
        return result.model_copy(update={"observed_ratio": share.candidate / share.baseline})
    relative = shares.share_effect(share, design)
    if relative is None:
        return not_comparable(measure, "the sides have no windows in common", code="overlap")
    effect = shares.log_scale(relative)
    if effect is None:
        return not_comparable(
            measure, "the share fell to nothing, so no ratio can be given", code="work"
        )
    result = judge_effect(measure, effect, design, criteria)
    if is_call(result) and not design.concurrent:
        reason = "one release ran after the other, and what is asked may have changed it as well"
        update = {"verdict": "inconclusive", "reason": reason, "remedy": _RUN_BOTH}
        return result.model_copy(update=update)
    if measure == "hit_ratio" and result.verdict == "regression":
        return _while_it_rises(share, result, design, criteria)
    return result


def _while_it_rises(
    share: Share, result: MeasureResult, design: Design, criteria: Criteria
) -> MeasureResult:
    """Return a loss of hits as not comparable where it shrinks by the margin within its time.

    A large cache may fill for hours after a start, longer than any warm-up that is waited for.
    """
    halves = shares.effect_by_half(share, design)
    if halves is None or halves[1] - halves[0] < criteria.margin:
        return result
    refused = not_comparable(
        result.measure,
        f"the candidate's hit rate still rises (from {100 * halves[0]:+.0f} % in the first half of "
        f"its time to {100 * halves[1]:+.0f} % in the second)",
        "wait" if design.growing else "",
        code="overlap",
    )
    ratio = result.estimate.ratio if result.estimate else None
    return refused.model_copy(update={"observed_ratio": ratio})


def _by_direction(decode: MeasureResult, latency: MeasureResult, design: Design) -> MeasureResult:
    """Call a change too large for the loads to overlap by its direction, if latency is clear.

    A much slower release runs other batches than the baseline ever did, so that the largest
    regressions would be not comparable; but demand still overlaps, and latency at equal demand
    moves the way speed does. Only with concurrent controls: before and after, other traffic moves
    latency just so.
    """
    estimate = latency.estimate
    if decode.verdict != "not_comparable" or decode.coverage is None or estimate is None:
        return decode
    if design.fault or not design.concurrent or latency.verdict == "not_comparable":
        return decode
    verdict: Verdict
    if estimate.upper < 1.0 - _LARGE_LATENCY_CHANGE:
        verdict = "regression"
    elif estimate.lower > 1.0 + _LARGE_LATENCY_CHANGE:
        verdict = "improvement"
    else:
        return decode
    return decode.model_copy(
        update={
            "verdict": verdict,
            "direction_only": True,
            "reason_code": None,
            "p_value": latency.p_value,
            "reason": f"{decode.reason}; the direction is that of the time between tokens at "
            "equal demand, the size is not known",
        }
    )
