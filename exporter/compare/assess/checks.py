"""What is checked of the servers before anything is estimated: may these two be compared at all?

Pure. Each check passes, corrects, notes what may explain an effect, or fails with what to do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from ...engines.catalog import MeaningChange, engine_catalog
from ...engines.registry import ENGINES
from ..fleet.matchers import Matcher
from ..fleet.windows import ServerFacts, ServerKey
from .result import Check, Difference

MUST_AGREE: Final = ("model", "gpu_model", "quantization", "kv_cache_dtype", "role")
_SETTINGS: Final = ("runner", "quantization", "kv_cache_dtype", "role", "config")
_LIMITS: Final = {
    "max_running_requests": "sequences at once",
    "max_batched_tokens": "tokens per step",
    "gpus": "GPUs under a server",
    "kv_cache_capacity_tokens": "KV cache, tokens",
}
_COUNTED_DIFFERENTLY: Final = ("hit_ratio", "speculation")
"""Measures that vLLM and SGLang count in different ways."""
MAX_CAPACITY_RATIO: Final = 1.2
"""By how much capacities of the sides may differ where releases determine them in different ways.

With one group of layers all ways give one number, and what a release leaves to the KV cache of
the same GPUs moves by a few percent. Several groups, or context parallelism, make it wrong by the
number of groups or ranks: by two at least.
"""


def label_values(facts: Sequence[ServerFacts], label: str) -> tuple[str, ...]:
    """Return a label's known values over servers, sorted."""
    return tuple(sorted({server.labels[label] for server in facts if server.labels.get(label)}))


def differences(
    baseline: Sequence[ServerFacts], candidate: Sequence[ServerFacts]
) -> tuple[Difference, ...]:
    """Return the settings and limits that differ between the sides."""
    rows = [
        (name, label_values(baseline, name), label_values(candidate, name)) for name in _SETTINGS
    ]
    for name, title in _LIMITS.items():
        rows.append((title, _limit_values(baseline, name), _limit_values(candidate, name)))
    return tuple(
        Difference(name=name, baseline=", ".join(old) or "unknown", candidate=", ".join(new))
        for name, old, new in rows
        if new and old != new
    )


def _limit_values(facts: Sequence[ServerFacts], name: str) -> tuple[str, ...]:
    """Return a limit's values to three figures: a cache's size moves a little with each start."""
    values = {float(f"{server.limits[name]:.3g}") for server in facts if name in server.limits}
    return tuple(f"{value:,.0f}" for value in sorted(values))


def check_clusters(
    baseline: Sequence[ServerKey], candidate: Sequence[ServerKey], matchers: Sequence[Matcher]
) -> list[Check]:
    """Check that the sides are of one cluster, or that the clusters were chosen on purpose."""
    old, new = ({server.external_labels for server in side} for side in (baseline, candidate))
    if not old.isdisjoint(new):
        return []
    a, b = (sorted({server.cluster or "none" for server in side}) for side in (baseline, candidate))
    text = f"the baseline ran in the cluster {', '.join(a)}, the candidate in {', '.join(b)}"
    names = {name for external_labels in old | new for name, _ in external_labels}
    if any(matcher.label in names for matcher in matchers):
        text += "; what differs between them counts as the release's"
        return [Check(name="clusters", outcome="noted", text=text)]
    return [
        Check(
            name="clusters",
            outcome="failed",
            text=text,
            remedy="choose the sides by their cluster as well, if that is the question",
        )
    ]


def check_identity(
    baseline: Sequence[ServerKey],
    candidate: Sequence[ServerKey],
    facts: Mapping[ServerKey, ServerFacts],
) -> Check:
    """Check that the sides are one model, GPU type, layout, quantisation and role."""
    old, new = [facts[server] for server in baseline], [facts[server] for server in candidate]
    for name in MUST_AGREE:
        a, b = label_values(old, name), label_values(new, name)
        if a and b and set(a).isdisjoint(b):
            return Check(
                name="identity",
                outcome="failed",
                text=f"{name} is {', '.join(a)} on the baseline and {', '.join(b)} on the "
                "candidate",
                remedy="compare servers that differ in their release alone",
            )
    a = tuple(sorted({server.server_class for server in baseline}))
    b = tuple(sorted({server.server_class for server in candidate}))
    if set(a).isdisjoint(b):
        return Check(
            name="identity",
            outcome="failed",
            text=f"the servers are of different classes ({', '.join(a)} and {', '.join(b)}): "
            "parallel layout, speculation, front end, or a fact known on one side only",
            remedy="compare the facts `inferfleet probe` shows of a server of each; declare what "
            "one of them does not report",
        )
    return Check(
        name="identity",
        outcome="passed",
        text="same model, GPU type, layout, quantisation and role",
    )


def check_settings(differing: Sequence[Difference]) -> Check:
    """Note the settings that differ: they may be the cause of an effect."""
    if not differing:
        return Check(name="settings", outcome="passed", text="no known setting differs")
    names = ", ".join(difference.name for difference in differing)
    return Check(
        name="settings",
        outcome="noted",
        text=f"also different: {names}; an effect may be theirs and not the release's",
    )


def check_meanings(
    engines: tuple[Sequence[str], Sequence[str]],
    versions: tuple[Sequence[str], Sequence[str]],
    roles: Collection[str] = (),
) -> tuple[Check, dict[str, str]]:
    """Check what numbers mean on both sides; return also the measures forbidden, and why.

    `engines` and `versions` are those of the baseline and of the candidate, `roles` those known of
    servers of either.
    """
    if set(engines[0]) != set(engines[1]):
        check = Check(
            name="meanings",
            outcome="corrected",
            text=f"two engines: {' and '.join(_COUNTED_DIFFERENTLY)} are left out",
        )
        return check, dict.fromkeys(_COUNTED_DIFFERENTLY, "the two engines count it differently")
    changes = {
        change.name: change
        for change in _meaning_changes(engines[0], versions)
        if change.concerns(roles)
    }
    if not changes:
        return Check(name="meanings", outcome="passed", text="no number changed its meaning"), {}
    forbidden: dict[str, str] = {}
    for change in changes.values():
        for measure in change.forbids:
            forbidden.setdefault(
                measure,
                f"its numbers changed their meaning with {change.at} ({change.name}): "
                f"{change.changed.rstrip('.')}",
            )
    listed = ", ".join(f"{change.name} ({change.at})" for change in changes.values())
    excluded = ", ".join(sorted(forbidden)) or "nothing"
    text = f"meaning changes between the versions: {listed}; not compared: {excluded}"
    return Check(name="meanings", outcome="corrected", text=text), forbidden


def check_context(
    engines: tuple[Sequence[str], Sequence[str]],
    versions: tuple[Sequence[str], Sequence[str]],
    facts: tuple[Sequence[ServerFacts], Sequence[ServerFacts]],
) -> Check | None:
    """Check that context, which is counted by the KV capacity, is the same thing on both sides.

    Returns None where it is: the versions determine the capacity in one way, or arrive at about the
    same number, so that the model has one group of layers.
    """
    changes = {
        change.name: f"{change.name} ({change.at})"
        for change in _meaning_changes(engines[0], versions)
        if "kv_cache_capacity_tokens" in change.series
    }
    old, new = (median_limit(side, "kv_cache_capacity_tokens") for side in facts)
    if not changes or set(engines[0]) != set(engines[1]):
        return None
    if old and new and max(old, new) <= MAX_CAPACITY_RATIO * min(old, new):
        return None
    a, b = (f"{capacity:,.0f} tokens" if capacity else "unknown" for capacity in (old, new))
    return Check(
        name="covariates",
        outcome="noted",
        text="the context is not known, so it is not corrected for: the KV capacity by which it is "
        f"counted is {a} on the baseline and {b} on the candidate, whose versions determine it in "
        f"different ways: {', '.join(changes.values())}",
        remedy="declare kv_cache_capacity_tokens for servers before vLLM 0.24, by their start-up "
        "log",
    )


def median_limit(facts: Sequence[ServerFacts], name: str) -> float | None:
    """Return the median of a limit over servers, None where none of them has it."""
    values = [server.limits[name] for server in facts if name in server.limits]
    return float(np.median(values)) if values else None


def _meaning_changes(
    engines: Sequence[str], versions: tuple[Sequence[str], Sequence[str]]
) -> Iterable[MeaningChange]:
    for engine in engines:
        if engine in ENGINES:
            for old in versions[0] or ("",):
                for new in versions[1] or ("",):
                    yield from engine_catalog(engine).changes_between(old, new)
