"""Which measures of a verdict may be compared across two releases, and which may not. Pure."""

from dataclasses import dataclass

from ..engines.catalog import engine_catalog
from ..vocabulary.verdict import MEASURES, Measure


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A measure that must not be compared across an upgrade, and why.

    `roles` are those of the servers it is forbidden for, empty for all.
    """

    measure: Measure
    reason: str
    roles: tuple[str, ...] = ()


def forbidden_measures(engine: str, old: str, new: str) -> tuple[Forbidden, ...]:
    """Return what must not be compared across an upgrade, each measure with its first reason."""
    reasons = dict[tuple[Measure, tuple[str, ...]], Forbidden]()
    for change in engine_catalog(engine).changes_between(old, new):
        for measure in change.forbids:
            reason = f"{change.changed.strip()} ({engine} {change.at})"
            roles = tuple(map(str, change.roles))
            reasons.setdefault((measure, roles), Forbidden(measure, reason, roles))
    return tuple(reasons.values())


def allowed_measures(forbidden: tuple[Forbidden, ...]) -> tuple[Measure, ...]:
    """Return the measures that may be compared on servers that do all work themselves."""
    without = {each.measure for each in forbidden if not each.roles}
    return tuple(measure for measure in MEASURES if measure not in without)
