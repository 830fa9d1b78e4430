"""One comparison from a fleet: sides chosen, checks, design, measures, headline.

Pure: the same fleet gives the same report. No I/O, no clock.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import compress, groupby
from typing import Final

import numpy as np

from ...vocabulary.exporter import PLACE_LABELS
from ...vocabulary.verdict import Measure, Reason, Verdict
from ..estimate.design import Design, choose_design
from ..estimate.mix import mix_shift
from ..estimate.shares import kept_lookups
from ..estimate.spread import NodeKnowledge, learn_nodes, other_servers, servers_beside
from ..fleet.matchers import Matcher, match_all
from ..fleet.windows import ExternalLabels, Fleet, Lookups, ServerFacts, ServerKey
from . import checks
from .claim import check_claim
from .criteria import Criteria, not_comparable
from .data_checks import check_data, check_mix, check_present
from .description import describe_side, naive_ratios, name_side, timeline
from .effects import compare_measures
from .hit_ratio_causes import hit_ratio_causes
from .result import Check, Comparison, Difference, MeasureResult
from .verdict import withdraw_chance_calls, worst
from .wording import headline

_CODES: Final[Mapping[str, Reason]] = {"identity": "class", "data": "overlap"}
"""The words for the checks that end a comparison before anything is estimated."""
_COUNTED_AT_THE_END: Final[tuple[Measure, ...]] = ("prefill", "inter_token_latency")
_SHORT_WINDOWS: Final = (
    "the windows are shorter than requests, and what is counted when a request ends falls into "
    "another window than its work"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared: the two sides as matchers, and by which criteria.

    `margin` is relative, `alpha` the significance level, `warm_up` how long after its start a
    server is not judged at most, in seconds; `claim` is a ratio. Without `detail` no effects by
    batch cell are worked out, and by range those of decode alone. `horizon` is after
    how many hours of the candidate it is asked for the last time, 0 where it is asked once.
    """

    baseline: tuple[Matcher, ...]
    candidate: tuple[Matcher, ...]
    _: KW_ONLY
    margin: float
    warm_up: float
    alpha: float = 0.05
    claim: float | None = None
    models: tuple[Matcher, ...] = ()
    detail: bool = True
    horizon: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sides:
    """Which of a fleet's servers are the baseline and which the candidate, a flag for each."""

    baseline: list[bool]
    candidate: list[bool]

    @property
    def either(self) -> list[bool]:
        return [old or new for old, new in zip(self.baseline, self.candidate, strict=True)]

    def within(self, members: set[int]) -> "_Sides":
        """Return the sides among some servers only."""
        return _Sides(
            [old and i in members for i, old in enumerate(self.baseline)],
            [new and i in members for i, new in enumerate(self.candidate)],
        )


def compare(fleet: Fleet, question: Question) -> tuple[Comparison, ...]:
    """Return a comparison for each model on each kind of GPU that both sides serve.

    Each cluster's servers are compared by themselves, unless a side is chosen by its cluster.
    """
    parts = _parts(fleet, _choose_sides(fleet, question))
    comparisons = [_compare_sides(fleet, part, question) for part in parts]
    level = min((comparison.alpha for comparison in comparisons), default=question.alpha)
    return _withdraw_chance_calls(comparisons, level)


def class_change(fleet: Fleet, question: Question) -> Comparison:
    """Return the comparison of sides that share no class, which is refused for that."""
    sides, servers = _choose_sides(fleet, question), fleet.windows.servers
    facts = dict(zip(servers, fleet.facts, strict=True))
    old, new = (list(compress(servers, flags)) for flags in (sides.baseline, sides.candidate))
    return _finish(_refused(fleet, sides, [checks.check_identity(old, new, facts)]), question)


def _parts(fleet: Fleet, sides: _Sides) -> Iterator[_Sides]:
    """Yield the sides of each model on each kind of GPU, of each cluster and class both have."""
    servers = fleet.windows.servers
    order = sorted(range(len(servers)), key=lambda i: servers[i].model_and_gpu)
    for _, group in groupby(order, key=lambda i: servers[i].model_and_gpu):
        for cluster in _shared(list(group), sides, lambda i: servers[i].external_labels):
            for members in _shared(cluster, sides, lambda i: servers[i].server_class):
                part = sides.within(set(members))
                if any(part.baseline) and any(part.candidate):
                    yield part


def _choose_sides(fleet: Fleet, question: Question) -> _Sides:
    """Return the sides the matchers choose; what matches both belongs to neither."""
    baseline, candidate = list[bool](), list[bool]()
    for labels in fleet.labels:
        is_old, is_new = (
            match_all(question.models, labels) and match_all(matchers, labels)
            for matchers in (question.baseline, question.candidate)
        )
        baseline.append(is_old and not is_new)
        candidate.append(is_new and not is_old)
    return _Sides(baseline, candidate)


def _shared(
    members: list[int], sides: _Sides, key: Callable[[int], ExternalLabels | str]
) -> list[list[int]]:
    """Return the members by the keys both sides have; all together where they share none."""
    baseline, candidate = (
        {key(i) for i in members if side[i]} for side in (sides.baseline, sides.candidate)
    )
    if baseline.isdisjoint(candidate):
        return [members]
    return [
        [i for i in members if key(i) == shared] for shared in sorted(baseline & candidate, key=str)
    ]


def _compare_sides(fleet: Fleet, sides: _Sides, question: Question) -> Comparison:
    windows = fleet.windows.of_servers(sides.either)
    servers = fleet.windows.servers
    old, new = (
        [server for server, selected in zip(servers, flags, strict=True) if selected]
        for flags in (sides.baseline, sides.candidate)
    )
    facts = dict(zip(servers, fleet.facts, strict=True))
    old_facts, new_facts = [facts[server] for server in old], [facts[server] for server in new]
    differing = checks.differences(old_facts, new_facts)
    engines = sorted({server.engine for server in old}), sorted({server.engine for server in new})
    versions = checks.label_values(old_facts, "version"), checks.label_values(new_facts, "version")
    roles = checks.label_values([*old_facts, *new_facts], "role")
    meanings, forbidden = checks.check_meanings(engines, versions, roles)
    if fleet.short:
        forbidden = {**dict.fromkeys(_COUNTED_AT_THE_END, _SHORT_WINDOWS), **forbidden}
    passed = [
        *checks.check_clusters(old, new, (*question.baseline, *question.candidate)),
        checks.check_identity(old, new, facts),
        checks.check_settings(differing),
        meanings,
    ]
    if all(check.outcome != "failed" for check in passed):
        passed += check_present(
            fleet,
            {
                "baseline": (sides.baseline, (*question.baseline, *question.models)),
                "candidate": (sides.candidate, (*question.candidate, *question.models)),
            },
            question.warm_up,
        )
    if any(check.outcome == "failed" for check in passed):
        return _finish(_refused(fleet, sides, passed, differing), question)
    context = checks.check_context(engines, versions, (old_facts, new_facts))
    if context:
        windows = windows.without("context_token_seconds")
    design = choose_design(
        windows,
        sides.candidate,
        fleet.facts,
        question.warm_up,
        end=fleet.end,
        can_widen=fleet.ran_earlier((*question.baseline, *question.models)),
    )
    criteria = Criteria(question.margin, question.alpha, question.detail, question.horizon)
    lookups = _lookups_of(fleet.lookups, sides)
    mix = mix_shift(windows, lookups, design)
    design = replace(design, mix_stderr=mix.stderr)
    learnt = _known_of_nodes(fleet, sides, design, question)
    results, index, level = compare_measures(
        windows, design, lookups, forbidden, criteria, mix, learnt
    )
    unknown = set(index.observations.unknown) if index else set[str]()
    if context:
        unknown.discard("context")
    excluded = Counter[str]()
    for external_labels in {server.external_labels for server in (*old, *new)}:
        excluded.update(fleet.excluded.get(external_labels, {}))
    passed += check_data(windows, design, fleet.facts, excluded, results[0], sorted(unknown))
    passed += [context] if context else []
    passed += [check_mix(mix, [result.measure for result in results])]
    used_lookups = kept_lookups(lookups, windows, design)
    baseline, candidate = (
        describe_side(windows, design.keep & rows, fleet.facts, used_lookups, flags)
        for rows, flags in ((~design.treated, sides.baseline), (design.treated, sides.candidate))
    )
    throughput, latency = naive_ratios(windows, design)
    hit_ratio = next((result for result in results if result.measure == "hit_ratio"), None)
    return _finish(
        Comparison(
            engine=new[0].engine,
            model=new[0].model,
            gpu_model=new[0].gpu_model,
            server_class=new[0].server_class,
            design=design.kind,
            headline="",
            verdict=_overall_verdict(results),
            checks=tuple(passed),
            measures=results,
            naive_throughput=throughput,
            naive_inter_token_latency=latency,
            baseline=baseline,
            candidate=candidate,
            differences=differing,
            hit_ratio_causes=hit_ratio_causes(
                hit_ratio,
                (baseline.hit_ratio, candidate.hit_ratio),
                (old_facts, new_facts),
                forbidden,
                differing,
                design,
                same_context=context is None,
            ),
            timeline=timeline(index, windows, design),
            candidate_start=_finite_start(design),
            ready_at=design.ready_at,
            external_labels=_external_labels(old, new),
            place=_place(new_facts),
        ),
        replace(question, alpha=level),
    )


def _known_of_nodes(
    fleet: Fleet, sides: _Sides, design: Design, question: Question
) -> dict[Measure, NodeKnowledge]:
    """Return what data beside the comparison tells of its nodes, where they have no past in it."""
    if design.node_effects or design.fault:
        return {}
    servers = fleet.windows.servers
    names = [each.machine if design.unit == "machine" else each.node_name for each in servers]
    compared = [design.nodes[i] for i in np.unique(design.node[design.keep])]
    beside, before = servers_beside(servers, names, sides.either, compared)
    others, past = (
        other_servers(fleet.windows, names, flags, fleet.facts, question.warm_up)
        for flags in (beside, before)
    )
    return learn_nodes(others, past, compared)


def _lookups_of(lookups: Lookups | None, sides: _Sides) -> Lookups | None:
    if lookups is None:
        return None
    return lookups.where(np.asarray(sides.either, dtype=bool)[lookups.server])


def _refused(
    fleet: Fleet, sides: _Sides, passed: Sequence[Check], differing: tuple[Difference, ...] = ()
) -> Comparison:
    """Return the comparison that a failed check ended."""
    baseline, candidate = (
        list(compress(fleet.windows.servers, flags)) for flags in (sides.baseline, sides.candidate)
    )
    server = candidate[0]
    failed = next(check for check in passed if check.outcome == "failed")
    return Comparison(
        engine=server.engine,
        model=server.model,
        gpu_model=server.gpu_model,
        server_class=server.server_class,
        design=None,
        headline="",
        verdict="not_comparable",
        checks=tuple(passed),
        measures=(
            not_comparable("decode", failed.text, failed.remedy, code=_CODES.get(failed.name)),
        ),
        naive_throughput=None,
        naive_inter_token_latency=None,
        baseline=name_side(baseline),
        candidate=name_side(candidate),
        differences=differing,
        hit_ratio_causes=(),
        timeline=(),
        candidate_start=None,
        external_labels=_external_labels(baseline, candidate),
        place=_place(list(compress(fleet.facts, sides.candidate))),
    )


def _external_labels(
    baseline: Sequence[ServerKey], candidate: Sequence[ServerKey]
) -> dict[str, str]:
    """Return the external labels that all servers of both sides have alike."""
    first, *others = {server.external_labels for server in (*baseline, *candidate)}
    return {name: value for name, value in first if value} if not others else {}


def _finish(comparison: Comparison, question: Question) -> Comparison:
    """Return the comparison with the claim checked and its headline."""
    claim = None
    if question.claim is not None and comparison.design is not None:
        claim = check_claim(question.claim, comparison)
    sentence = headline(comparison, question.alpha)
    update = {"claim": claim, "headline": sentence, "alpha": question.alpha}
    return comparison.model_copy(update=update)


def _place(candidate: Sequence[ServerFacts]) -> dict[str, str]:
    """Return the namespace and the workload of servers, each where all of them have the same."""
    place = dict[str, str]()
    for name in PLACE_LABELS:
        values = {server.labels.get(name, "") for server in candidate}
        # what changed within the time has both of its values
        if len(values) == 1 and (value := values.pop()) and ", " not in value:
            place[name] = value
    return place


def _finite_start(design: Design) -> float | None:
    """Return the candidate's first used window, None where none is used."""
    return design.candidate_start if np.isfinite(design.candidate_start) else None


def _overall_verdict(results: Sequence[MeasureResult]) -> Verdict:
    """Return the verdict of the whole: decode's, or a regression of prefill where decode holds."""
    verdicts = {result.measure: result.verdict for result in results}
    if verdicts.get("prefill") == "regression":
        return worst(("regression", verdicts["decode"]))
    return verdicts["decode"]


def _withdraw_chance_calls(comparisons: list[Comparison], alpha: float) -> tuple[Comparison, ...]:
    """Withdraw calls of decode that do not stand when all comparisons are tested at once."""
    decodes = [comparison.measures[0] for comparison in comparisons]
    if sum(decode.p_value is not None for decode in decodes) < 2:
        return tuple(comparisons)
    adjusted = list[Comparison]()
    standing = withdraw_chance_calls(decodes, alpha, "comparisons made")
    for comparison, before, after in zip(comparisons, decodes, standing, strict=True):
        if after is not before:
            results = (after, *comparison.measures[1:])
            comparison = comparison.model_copy(
                update={"measures": results, "verdict": _overall_verdict(results)}
            )
            comparison = comparison.model_copy(update={"headline": headline(comparison, alpha)})
        adjusted.append(comparison)
    return tuple(adjusted)
