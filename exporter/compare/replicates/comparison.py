"""One comparison from recorded runs: checks, measures, phases, headline.

Pure: the same runs give the same comparison. No I/O, no clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ...derive.load_cell import batch_label
from ...vocabulary.verdict import Measure
from ..assess import checks
from ..assess.claim import check_claim
from ..assess.criteria import Criteria, not_comparable
from ..assess.description import describe_side, naive_ratios, name_side
from ..assess.hit_ratio_causes import hit_ratio_causes
from ..assess.result import Comparison, Run
from ..assess.wording import headline
from ..estimate.design import Design
from ..fleet.arrays import Floats, Mask
from ..fleet.recordings import RecordedFleet
from ..fleet.windows import ServerFacts, Windows
from .checks import check_overlap, check_requests, check_runs
from .measures import measure_runs
from .phases import phase_effects

_T = TypeVar("_T")


def compare_runs(recorded: RecordedFleet, criteria: Criteria, claim: float | None) -> Comparison:
    """Return the comparison of two sides of runs; `claim` is a ratio."""
    fleet, candidate = recorded.fleet, np.asarray(recorded.candidate, dtype=bool)
    servers, facts = fleet.windows.servers, fleet.facts
    old, new = _of_side(servers, ~candidate), _of_side(servers, candidate)
    old_facts, new_facts = _of_side(facts, ~candidate), _of_side(facts, candidate)
    differing = checks.differences(old_facts, new_facts)
    engines = sorted({server.engine for server in old}), sorted({server.engine for server in new})
    versions = checks.label_values(old_facts, "version"), checks.label_values(new_facts, "version")
    roles = checks.label_values(facts, "role")
    meanings, forbidden = checks.check_meanings(engines, versions, roles)
    context = checks.check_context(engines, versions, (old_facts, new_facts))
    identity = checks.check_identity(old, new, dict(zip(servers, facts, strict=True)))
    named_facts = {
        server.target: server_facts for server, server_facts in zip(servers, facts, strict=True)
    }
    passed = [
        identity,
        checks.check_settings(differing),
        meanings,
        *check_runs(named_facts, recorded.candidate, recorded.spans, differing),
        *check_requests(dict(zip(named_facts, recorded.phases, strict=True))),
    ]
    refused = Comparison(
        engine=new[0].engine,
        model=new[0].model,
        gpu_model=new[0].gpu_model,
        server_class=new[0].server_class,
        design="replicates",
        headline="",
        verdict="not_comparable",
        checks=tuple(passed),
        measures=(not_comparable("decode", identity.text, identity.remedy, code="class"),),
        naive_throughput=None,
        naive_inter_token_latency=None,
        baseline=name_side(old),
        candidate=name_side(new),
        differences=differing,
        hit_ratio_causes=(),
        timeline=(),
        candidate_start=None,
        alpha=criteria.alpha,
    )
    if identity.outcome == "failed":
        return _finish(refused, criteria, None)
    windows = _within_limits(fleet.windows, facts)
    if context:
        windows = windows.without("context_token_seconds")
    measured = measure_runs(windows, fleet.lookups, candidate, forbidden, criteria)
    design = _design(windows, candidate)
    baseline_side, candidate_side = (
        describe_side(windows, design.treated == side, facts, fleet.lookups, candidate == side)
        for side in (False, True)
    )
    throughput, latency = naive_ratios(windows, design)
    update = {
        "verdict": measured.results[0].verdict,
        "checks": (*passed, check_overlap(measured.results[0]), *([context] if context else [])),
        "measures": measured.results,
        "naive_throughput": throughput,
        "naive_inter_token_latency": latency,
        "baseline": baseline_side,
        "candidate": candidate_side,
        "hit_ratio_causes": hit_ratio_causes(
            next((result for result in measured.results if result.measure == "hit_ratio"), None),
            (baseline_side.hit_ratio, candidate_side.hit_ratio),
            (old_facts, new_facts),
            forbidden,
            differing,
            design,
            same_context=context is None,
        ),
        "phases": phase_effects(windows, recorded.phases, candidate, criteria),
        "runs": _runs(windows, candidate, measured.values),
    }
    return _finish(refused.model_copy(update=update), criteria, claim)


def _of_side(values: Sequence[_T], selected: Mask) -> list[_T]:
    return [value for value, is_own in zip(values, selected, strict=True) if is_own]


def _within_limits(windows: Windows, facts: Sequence[ServerFacts]) -> Windows:
    """Return the windows with no batch above what the run's server can run.

    Latencies are counted when an output ends, so that a short window may hold more of them than its
    own: a batch of 258 on a server of 256 sequences is the full one, not a larger one.
    """
    limits = [server.limits.get("max_running_requests") for server in facts]
    edges = np.array([np.inf if limit is None else float(batch_label(limit)) for limit in limits])
    return replace(windows, batch=np.minimum(windows.batch, edges[windows.server]))


def _finish(comparison: Comparison, criteria: Criteria, claim: float | None) -> Comparison:
    """Return the comparison with the claim checked and its headline."""
    update: dict[str, object] = {"headline": headline(comparison, criteria.alpha)}
    if claim is not None:
        update["claim"] = check_claim(claim, comparison)
    return comparison.model_copy(update=update)


def _runs(windows: Windows, candidate: Mask, values: Mapping[Measure, Floats]) -> tuple[Run, ...]:
    """Return each run's speed over the mean of the baseline's runs, and its energy."""
    count = len(candidate)

    def ratios(measure: Measure) -> list[float | None]:
        logs = values.get(measure)
        if logs is None or not np.isfinite(logs[~candidate]).any():
            return [None] * count
        mean = np.nanmean(logs[~candidate])
        return [float(np.exp(log - mean)) if np.isfinite(log) else None for log in logs]

    return tuple(
        Run(
            name=server.target,
            side="candidate" if is_candidate else "baseline",
            decode_ratio=decode,
            energy_ratio=energy,
            joules_per_token=_joules_per_token(windows, windows.server == run),
        )
        for run, (server, is_candidate, decode, energy) in enumerate(
            zip(windows.servers, candidate, ratios("decode"), ratios("energy"), strict=True)
        )
    )


def _joules_per_token(windows: Windows, rows: Mask) -> float | None:
    joules, tokens = (
        float(np.nansum(windows.column(name)[rows])) for name in ("joules", "metered_decode_tokens")
    )
    return joules / tokens if tokens > 0 else None


def _design(windows: Windows, candidate: Mask) -> Design:
    """Return the runs side by side, all of their windows kept, for what describes them."""
    block = np.round(windows.time / windows.width).astype(np.int64)
    hours = [
        len(np.unique(windows.time[candidate[windows.server] == side])) * windows.width / 3600.0
        for side in (False, True)
    ]
    return Design(
        kind="side by side",
        keep=np.ones(len(windows), dtype=bool),
        young=np.zeros(len(windows), dtype=bool),
        reference=~candidate[windows.server],
        treated=candidate[windows.server],
        node=windows.server,
        nodes=tuple(server.target for server in windows.servers),
        block=block,
        block_seconds=windows.width,
        treated_arm=candidate,
        servers=(int((~candidate).sum()), int(candidate.sum())),
        hours=(hours[0], hours[1]),
        candidate_start=0.0,
        warm_up_seconds=0.0,
    )
