"""One comparison from a fleet: sides chosen, gates, design, measures, headline.

Pure: the same fleet gives the same report. No I/O, no clock.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from typing import Final

import numpy as np

from ...vocabulary.verdict import Verdict
from ..estimate.design import Design, design
from ..fleet.matchers import Matcher, matches
from ..fleet.windows import Facts, Fleet, Lookups, Mask, Server, Windows
from . import checks
from .causes import causes
from .claim import held
from .description import naive, side, timeline
from .effects import all_measures
from .headline import headline
from .result import Check, Comparison, Difference, MeasureResult, Side
from .shares import kept
from .terms import Terms
from .verdict import holm, worst

_SHORT: Final = (
    "the windows are shorter than requests, and what is counted when a request ends falls into "
    "another window than its work"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the two sides as matchers, the margin (relative), the error, a claim.

    `warm_up` is how long after its start a server is not judged, in seconds. Without `detail` no
    effects by batch range and cell are worked out.
    """

    baseline: tuple[Matcher, ...]
    candidate: tuple[Matcher, ...]
    alpha: float = 0.05
    claim: float | None = None
    models: tuple[Matcher, ...] = ()
    detail: bool = True
    _: KW_ONLY
    margin: float
    warm_up: float


def compare(fleet: Fleet, question: Question) -> tuple[Comparison, ...]:
    """Return a comparison for each model on each kind of GPU that both sides serve."""
    labels = [
        {**server.labels, **facts.labels}
        for server, facts in zip(fleet.windows.servers, fleet.facts, strict=True)
    ]
    wanted = [matches(question.models, one) for one in labels]
    old = [ok and matches(question.baseline, one) for ok, one in zip(wanted, labels, strict=True)]
    new = [ok and matches(question.candidate, one) for ok, one in zip(wanted, labels, strict=True)]
    both = [a and b for a, b in zip(old, new, strict=True)]
    old = [a and not b for a, b in zip(old, both, strict=True)]
    new = [a and not b for a, b in zip(new, both, strict=True)]
    found = list[Comparison]()
    order = sorted(range(len(labels)), key=lambda i: _family(fleet.windows.servers[i]))
    for _, group in groupby(order, key=lambda i: _family(fleet.windows.servers[i])):
        members = list(group)
        for chosen in _classes(fleet.windows.servers, members, old, new):
            mine = [i in chosen for i in range(len(labels))]
            a = [x and y for x, y in zip(old, mine, strict=True)]
            b = [x and y for x, y in zip(new, mine, strict=True)]
            if any(a) and any(b):
                found.append(_one(fleet, a, b, question))
    return _held_to_holm(tuple(found), question.alpha)


def _family(server: Server) -> tuple[str, str]:
    return server.model.rpartition("/")[2].casefold(), server.gpu_model.casefold()


def _classes(
    servers: Sequence[Server], members: list[int], old: list[bool], new: list[bool]
) -> list[set[int]]:
    """Return the members by class both sides have; all together where they share none."""
    shared = {servers[i].server_class for i in members if old[i]} & {
        servers[i].server_class for i in members if new[i]
    }
    if not shared:
        return [set(members)]
    return [{i for i in members if servers[i].server_class == one} for one in sorted(shared)]


def _one(fleet: Fleet, old: list[bool], new: list[bool], question: Question) -> Comparison:
    windows = fleet.windows.of([a or b for a, b in zip(old, new, strict=True)])
    lookups = _of_lookups(fleet.lookups, old, new)
    base = [f for f, is_old in zip(fleet.facts, old, strict=True) if is_old]
    ours = [f for f, is_new in zip(fleet.facts, new, strict=True) if is_new]
    servers = fleet.windows.servers
    sides = (
        [s for s, is_old in zip(servers, old, strict=True) if is_old],
        [s for s, is_new in zip(servers, new, strict=True) if is_new],
    )
    known = dict(zip(servers, fleet.facts, strict=True))
    differing = checks.differences(base, ours)
    meaning, forbidden = checks.meanings(
        tuple(sorted({s.engine for s in side_}) for side_ in sides),  # type: ignore[arg-type]
        (checks.values(base, "version"), checks.values(ours, "version")),
    )
    if fleet.short:
        forbidden = {**dict.fromkeys(("prefill", "inter_token_latency"), _SHORT), **forbidden}
    passed = [checks.identity(*sides, known), checks.settings(differing), meaning]
    first = sides[1][0]
    if passed[0].outcome == "failed":
        return _refused(sides, passed, differing)
    treated = np.asarray(new, dtype=bool)[windows.server]
    if treated.all() or not treated.any():
        lacking = "baseline has" if treated.all() else "candidate has"
        passed.append(
            Check(
                name="data",
                outcome="failed",
                text=f"the {lacking if len(windows) else 'two sides have'} no windows in this time",
                remedy="widen --window to a time when both ran",
            )
        )
        return _refused(sides, passed, differing)
    found = design(windows, new, fleet.facts, question.warm_up)
    terms = Terms(question.margin, question.alpha, question.detail)
    results, speed = all_measures(windows, found, lookups, forbidden, terms)
    passed += [
        checks.warm_up(found, _seconds(windows, found.keep)),
        checks.age(_ages(windows, found, fleet.facts)),
        checks.gaps(*_seen(windows, found), fleet.excluded),
        checks.servers(found),
        _overlap(results[0]),
        *_unknown(speed.load.unknown if speed else ()),
    ]
    lookups = kept(lookups, windows, found)
    a = side(windows, found.keep & ~found.treated, fleet.facts, lookups, old)
    b = side(windows, found.keep & found.treated, fleet.facts, lookups, new)
    rate, latency = naive(windows, *_naive_rows(windows, found))
    hits = next((one for one in results if one.measure == "hit_ratio"), None)
    comparison = Comparison(
        engine=first.engine,
        model=first.model,
        gpu_model=first.gpu_model,
        server_class=first.server_class,
        design=found.kind,
        headline="",
        verdict=_verdict(results),
        checks=tuple(passed),
        measures=results,
        naive_throughput=rate,
        naive_inter_token_latency=latency,
        baseline=a,
        candidate=b,
        differences=differing,
        hit_ratio_causes=causes(
            hits, (a.hit_ratio, b.hit_ratio), (base, ours), forbidden, differing, found
        ),
        timeline=timeline(speed, windows, found),
        candidate_start=found.start if np.isfinite(found.start) else None,
    )
    if question.claim is not None:
        comparison = comparison.model_copy(update={"claim": held(question.claim, comparison)})
    return comparison.model_copy(update={"headline": headline(comparison)})


def _of_lookups(lookups: Lookups | None, old: list[bool], new: list[bool]) -> Lookups | None:
    if lookups is None:
        return None
    rows = np.asarray([a or b for a, b in zip(old, new, strict=True)], dtype=bool)[lookups.server]
    return Lookups(
        lookups.server[rows], lookups.time[rows], lookups.queried[rows], lookups.hit[rows]
    )


def _refused(
    sides: tuple[Sequence[Server], Sequence[Server]],
    passed: Sequence[Check],
    differing: tuple[Difference, ...],
) -> Comparison:
    """Return the comparison that a failed check ended."""
    server = sides[1][0]
    failed = next(check for check in passed if check.outcome == "failed")
    result = MeasureResult(
        measure="decode", verdict="not_comparable", reason=failed.text, remedy=failed.remedy
    )
    comparison = Comparison(
        engine=server.engine,
        model=server.model,
        gpu_model=server.gpu_model,
        server_class=server.server_class,
        design=None,
        headline="",
        verdict="not_comparable",
        checks=tuple(passed),
        measures=(result,),
        naive_throughput=None,
        naive_inter_token_latency=None,
        baseline=_unseen(sides[0]),
        candidate=_unseen(sides[1]),
        differences=differing,
        hit_ratio_causes=(),
        timeline=(),
        candidate_start=None,
    )
    return comparison.model_copy(update={"headline": headline(comparison)})


def _unseen(servers: Sequence[Server]) -> Side:
    """Return a side of which only its names are told."""
    return Side(
        releases=tuple(sorted({server.release for server in servers})),
        versions=(),
        servers=len({server.node or server.target for server in servers}),
        hours=0.0,
        kv_cache_capacity_tokens=None,
        largest_batch=None,
        hit_ratio=None,
        tokens_per_second_per_gpu=None,
        seconds_per_token=None,
        curve=(),
    )


def _verdict(results: Sequence[MeasureResult]) -> Verdict:
    """Return the verdict of the whole: decode's, or a regression of prefill where decode holds."""
    by_name = {one.measure: one.verdict for one in results}
    if by_name.get("prefill") == "regression":
        return worst(("regression", by_name["decode"]))
    return by_name["decode"]


def _overlap(decode: MeasureResult) -> Check:
    if decode.coverage is None:
        return Check(name="overlap", outcome="noted", text="how far the loads overlap is not known")
    if decode.verdict == "not_comparable" and "loads the baseline" in decode.reason:
        return Check(name="overlap", outcome="failed", text=decode.reason, remedy=decode.remedy)
    return Check(
        name="overlap",
        outcome="passed",
        text=f"{decode.coverage:.0%} of the candidate's decode tokens at loads the baseline saw",
    )


def _unknown(names: tuple[str, ...]) -> list[Check]:
    return [
        Check(
            name="covariates",
            outcome="noted",
            text=f"the {name} is not known, so it is not corrected for",
            remedy="check which series the engine release gives (docs/support.md)",
        )
        for name in names
    ]


def _seconds(windows: Windows, rows: Mask) -> float:
    return float(np.nansum(windows.column("seconds")[rows]))


def _seen(windows: Windows, found: Design) -> tuple[float, float]:
    """Return the windows seen and those between each server's first and last, in seconds."""
    seen = expected = 0.0
    for i in np.unique(windows.server):
        times = np.unique(windows.time[windows.server == i])
        seen += len(times) * windows.width
        expected += float(times[-1] - times[0]) + windows.width
    return seen, expected


def _ages(
    windows: Windows, found: Design, facts: Sequence[Facts]
) -> tuple[float | None, float | None]:
    """Return each side's median age of its servers at their last window, in seconds."""
    ages: tuple[list[float], list[float]] = [], []
    for i in np.unique(windows.server):
        rows = windows.server == i
        last = float(windows.time[rows].max()) + windows.width
        begun = [start for start in facts[i].starts if start <= last]
        if begun:
            ages[int(found.treated[rows][0])].append(last - max(begun))
    old, new = (float(np.median(one)) if one else None for one in ages)
    return old, new


def _naive_rows(windows: Windows, found: Design) -> tuple[Mask, Mask]:
    """Return the rows a person would compare: at the same time where there is such a time."""
    base, ours = found.keep & ~found.treated, found.keep & found.treated
    if found.concurrent and (base & (windows.time >= found.start)).any():
        base = base & (windows.time >= found.start)
    return base, ours


def _held_to_holm(found: tuple[Comparison, ...], alpha: float) -> tuple[Comparison, ...]:
    """Take back calls that do not stand when all comparisons are tested at once."""
    called = [
        (i, one.measures[0].p_value)
        for i, one in enumerate(found)
        if one.measures[0].p_value is not None
    ]
    if len(called) < 2:
        return found
    kept = dict(
        zip((i for i, _ in called), holm([p or 0.0 for _, p in called], alpha), strict=True)
    )
    result = list[Comparison]()
    for i, one in enumerate(found):
        decode = one.measures[0]
        if decode.verdict in ("regression", "improvement") and not kept.get(i, True):
            decode = decode.model_copy(
                update={
                    "verdict": "inconclusive",
                    "reason": f"of {len(called)} comparisons made at once, one such effect is "
                    "expected by chance (Holm)",
                }
            )
            results = (decode, *one.measures[1:])
            one = one.model_copy(update={"measures": results, "verdict": _verdict(results)})
            one = one.model_copy(update={"headline": headline(one)})
        result.append(one)
    return tuple(result)
