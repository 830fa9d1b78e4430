"""What is checked before anything is estimated: may these two be compared at all?

Pure. Each check passes, corrects, notes what may explain an effect, or fails with what to do.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ...engines.catalog import MeaningChange, engine_catalog
from ...engines.registry import ENGINES
from ..estimate.design import Design
from ..fleet.windows import Facts, Server
from .result import Check, Difference

HARD: Final = ("model", "gpu_model", "quantization", "kv_cache_dtype", "role")
_SHOWN: Final = ("runner", "quantization", "kv_cache_dtype", "role", "config")
_LIMITS: Final = {
    "max_running_requests": "sequences at once",
    "max_batched_tokens": "tokens per step",
    "gpus": "GPUs under a server",
}
_ACROSS_ENGINES: Final = ("hit_ratio", "speculation")
_AGE: Final = 6 * 86_400.0
_GAPS: Final = 0.5
_EXCLUDED: Final = 0.5


def values(facts: Sequence[Facts], label: str) -> tuple[str, ...]:
    """Return a label's known values over servers, sorted."""
    return tuple(sorted({one.labels[label] for one in facts if one.labels.get(label)}))


def differences(baseline: Sequence[Facts], candidate: Sequence[Facts]) -> tuple[Difference, ...]:
    """Return the settings and limits that differ between the sides."""
    found = [(name, values(baseline, name), values(candidate, name)) for name in _SHOWN]
    for name, meaning in {**_LIMITS, "kv_cache_capacity_tokens": "KV cache, tokens"}.items():
        found.append((meaning, _numbers(baseline, name), _numbers(candidate, name)))
    return tuple(
        Difference(name=name, baseline=", ".join(old) or "unknown", candidate=", ".join(new))
        for name, old, new in found
        if new and old != new
    )


def _numbers(facts: Sequence[Facts], name: str) -> tuple[str, ...]:
    """Return a limit's values to three figures: a cache's size moves a little with each start."""
    found = {float(f"{one.limits[name]:.3g}") for one in facts if name in one.limits}
    return tuple(f"{value:,.0f}" for value in sorted(found))


def identity(
    baseline: Sequence[Server], candidate: Sequence[Server], facts: Mapping[Server, Facts]
) -> Check:
    """Check that the sides are one model, GPU type, layout, quantisation and role."""
    old, new = [facts[one] for one in baseline], [facts[one] for one in candidate]
    for name in HARD:
        a, b = values(old, name), values(new, name)
        if a and b and set(a).isdisjoint(b):
            return Check(
                name="identity",
                outcome="failed",
                text=f"{name} is {', '.join(a)} on the baseline and {', '.join(b)} on the "
                "candidate",
                remedy="compare servers that differ in their release alone",
            )
    a = tuple(sorted({one.server_class for one in baseline}))
    b = tuple(sorted({one.server_class for one in candidate}))
    if set(a).isdisjoint(b):
        return Check(
            name="identity",
            outcome="failed",
            text=f"the servers are of different classes ({', '.join(a)} and {', '.join(b)}): "
            "parallel layout, speculation, or a fact known on one side only",
            remedy="compare the facts `inferfleet probe` shows of a server of each; declare what "
            "one of them does not tell",
        )
    return Check(
        name="identity",
        outcome="passed",
        text="same model, GPU type, layout, quantisation and role",
    )


def settings(found: Sequence[Difference]) -> Check:
    """Note the settings that differ: they may be the cause of an effect."""
    if not found:
        return Check(name="settings", outcome="passed", text="no known setting differs")
    names = ", ".join(one.name for one in found)
    return Check(
        name="settings",
        outcome="noted",
        text=f"also different: {names}; an effect may be theirs and not the release's",
    )


def meanings(
    engines: tuple[Sequence[str], Sequence[str]], versions: tuple[Sequence[str], Sequence[str]]
) -> tuple[Check, dict[str, str]]:
    """Check what numbers mean on both sides; return also the measures forbidden, and why."""
    if set(engines[0]) != set(engines[1]):
        why = "the two engines count it differently"
        check = Check(
            name="meanings",
            outcome="corrected",
            text=f"two engines: {' and '.join(_ACROSS_ENGINES)} are left out",
        )
        return check, dict.fromkeys(_ACROSS_ENGINES, why)
    changes = {one.name: one for one in _changes(engines[0], versions)}
    forbidden: dict[str, str] = {}
    for change in changes.values():
        for measure in change.forbids:
            forbidden.setdefault(
                "latency" if measure == "inter_token_latency" else measure,
                f"its numbers changed their meaning with {change.at} ({change.name}): "
                f"{change.changed.rstrip('.')}",
            )
    if not changes:
        return Check(name="meanings", outcome="passed", text="no number changed its meaning"), {}
    told = ", ".join(f"{one.name} ({one.at})" for one in changes.values())
    left = ", ".join(sorted(forbidden)) or "nothing"
    text = f"meaning changes between the versions: {told}; not compared: {left}"
    return Check(name="meanings", outcome="corrected", text=text), forbidden


def _changes(
    engines: Sequence[str], versions: tuple[Sequence[str], Sequence[str]]
) -> Iterable[MeaningChange]:
    for engine in engines:
        if engine in ENGINES:
            for old in versions[0] or ("",):
                for new in versions[1] or ("",):
                    yield from engine_catalog(engine).changes_between(old, new)


def warm_up(found: Design, kept: float) -> Check:
    """Tell how much was left out as warm-up."""
    if found.warm_up_seconds <= 0:
        return Check(name="warm-up", outcome="passed", text="no server had just begun")
    return Check(
        name="warm-up",
        outcome="corrected",
        text=f"{found.warm_up_seconds / 3600:.1f} server-hours of warm-up are left out, "
        f"{kept / 3600:.1f} are kept",
    )


def age(found: tuple[float | None, float | None]) -> Check:
    """Note sides whose servers have been up for very different times (seconds, medians)."""
    old, new = found
    if old is None or new is None:
        return Check(name="age", outcome="noted", text="when the servers began is not known")
    if abs(old - new) > _AGE:
        return Check(
            name="age",
            outcome="noted",
            text=f"baseline servers have been up for {old / 86_400:.1f} days, candidate ones for "
            f"{new / 86_400:.1f}; long-lived servers can be slower by age alone",
            remedy="restart one baseline server and compare again",
        )
    return Check(name="age", outcome="passed", text="servers of similar age")


def servers(found: Design) -> Check:
    """Check that the design has what it needs."""
    if found.fault:
        return Check(name="design", outcome="failed", text=found.fault, remedy=found.remedy)
    return Check(
        name="design",
        outcome="passed",
        text=f"{found.kind}: {found.servers[0]} servers on the baseline, {found.servers[1]} on "
        f"the candidate, {found.hours[1]:.1f} h of the candidate",
    )


def gaps(seen: float, expected: float, excluded: Mapping[str, float]) -> Check:
    """Note missing windows and what the exporter itself left out, in seconds."""
    lost = sum(seconds for reason, seconds in excluded.items() if reason != "warm_up")
    told = ", ".join(
        f"{reason} {seconds / 3600:.1f} h" for reason, seconds in sorted(excluded.items())
    )
    if expected > 0 and seen < _GAPS * expected:
        return Check(
            name="gaps",
            outcome="noted",
            text=f"only {seen / expected:.0%} of the windows between the first and the last have "
            "data",
            remedy="look for outages of the exporter or of Prometheus in that time",
        )
    if lost > _EXCLUDED * max(seen, 1.0):
        return Check(
            name="gaps",
            outcome="noted",
            text=f"the exporter left out much time: {told}",
            remedy="see inferfleet_load_excluded_seconds_total for the servers concerned",
        )
    return Check(
        name="gaps",
        outcome="passed",
        text="no large gaps" + (f"; left out: {told}" if told else ""),
    )
