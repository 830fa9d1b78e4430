"""The names of an engine's samples in two releases, and what follows which. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, Final

from ..engines.catalog import EngineCatalog, MeaningChange, Term, engine_catalog
from .catalog import ReleaseCatalog

_SUFFIXES: Final = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "summary": ("", "_sum", "_count", "_created"),
    "gauge": ("",),
}
_NEAR: Final = 0.85


@dataclass(frozen=True)
class SampleNames:
    """Names without the engine's prefix, in the releases `old` and `new` of a catalog."""

    catalog: ReleaseCatalog
    old: str
    new: str

    @cached_property
    def before(self) -> Mapping[str, str]:
        """Samples of the old release, each with its metric's type."""
        return samples_of(self.catalog.facts("metrics", self.old))

    @cached_property
    def after(self) -> Mapping[str, str]:
        """Samples of the new release, each with its metric's type."""
        return samples_of(self.catalog.facts("metrics", self.new))

    @cached_property
    def ever(self) -> Mapping[str, tuple[str, str]]:
        """Samples of any release, each with its metric's type and the last release that had it."""
        return {
            name: (kind, release)
            for release in self.catalog.releases
            for name, kind in samples_of(self.catalog.facts("metrics", release)).items()
        }

    @cached_property
    def older(self) -> frozenset[str]:
        """Samples of releases before the catalog's first, by base name."""
        terms = (
            term.raw
            for alternatives in self._engine.families.values()
            for alternative in alternatives
            for term in alternative.terms
            if not term.bare
        )
        return frozenset(terms) | self._engine.unmapped | {*self._engine.info}

    @cached_property
    def of_routers(self) -> frozenset[str]:
        """Names that a router in front of the engines shows under their prefix."""
        return self._engine.router_names

    @cached_property
    def types_after(self) -> Mapping[str, str]:
        """Metrics of the new release by base name, each with its type."""
        return {
            _base(name, str(fact["type"])): str(fact["type"])
            for name, fact in self.catalog.facts("metrics", self.new).items()
        }

    @cached_property
    def _engine(self) -> EngineCatalog:
        return engine_catalog(self.catalog.engine)

    @cached_property
    def _successors(self) -> Mapping[str, tuple[str, ...]]:
        """Raw names in use for the same thing, by raw name, the preferred one first."""
        known = dict[str, tuple[str, ...]]()
        for alternatives in self._engine.families.values():
            preferred = list[Term]()
            for alternative in alternatives:
                for term in alternative.terms:
                    alike = (other.raw for other in preferred if _part(other) == _part(term))
                    known[term.raw] = (*known.get(term.raw, ()), *alike)
                preferred += alternative.terms
        return known

    @cached_property
    def _changes(self) -> Mapping[str, tuple[MeaningChange, ...]]:
        """What changed between the two releases under the same name, by base name."""
        changes = self._engine.changes_between(self.old, self.new)
        changed = dict[str, tuple[MeaningChange, ...]]()
        for family, alternatives in self._engine.families.items():
            touching = tuple(change for change in changes if family in change.series)
            for alternative in alternatives if touching else ():
                for term in alternative.terms:
                    # a term may take a histogram's sum or count alone
                    base = self._split(term.raw)[0]
                    changed[base] = (*changed.get(base, ()), *touching)
        return changed

    def changes(self, sample: str) -> tuple[MeaningChange, ...]:
        """Return what a sample of both releases means otherwise in the new one."""
        changes = self._changes.get(self._split(sample)[0], ())
        return tuple({change.name: change for change in changes}.values())

    def successor(self, sample: str) -> str | None:
        """Return what the new release calls a sample that it does not have, where one is known."""
        base, suffix = self._split(sample)
        if self.is_older(sample):
            base = next(
                (
                    sample.removesuffix(end)
                    for end in ("", *_SUFFIXES["histogram"])
                    if sample.removesuffix(end) in self._successors
                ),
                sample,
            )
            suffix = sample.removeprefix(base)
        candidates = (f"{name}{suffix}" for name in self._successors.get(base, ()))
        return next((name for name in candidates if name in self.after), None)

    def is_older(self, sample: str) -> bool:
        """Whether a sample that the catalog does not have was one of releases before it."""
        names = (sample, *(sample.removesuffix(end) for end in _SUFFIXES["histogram"]))
        known = sample in self.ever or f"{sample}_count" in self.ever
        return not known and any(name in self.older for name in names)

    def other_type(self, sample: str) -> str | None:
        """Return the type that a metric is of in the new release, where its sample is gone."""
        base = self._split(sample)[0].removesuffix("_total")
        kind = self.types_after.get(base)
        was = self.ever.get(sample)
        return kind if was is not None and kind != was[0] else None

    def suffixed(self, sample: str) -> str | None:
        """Return the sample of a name that lacks, or has too much of, the suffix of its type."""
        for candidate in (f"{sample}_total", sample.removesuffix("_total"), f"{sample}_seconds"):
            if candidate in self.after and candidate != sample:
                return candidate
        return None

    def near(self, sample: str) -> str | None:
        """Return the sample that a name which never was resembles."""
        return _nearest(sample, self._asked_for)

    @cached_property
    def _asked_for(self) -> tuple[str, ...]:
        return tuple(name for name in self.after if not name.endswith("_created"))

    def matching(self, pattern: str) -> tuple[bool, bool]:
        """Return whether a pattern of whole names takes samples of any, and of the new release."""
        try:
            wanted = re.compile(pattern)
        except re.error:
            return False, False
        forms = (f"{self.catalog.engine}:", f"{self.catalog.engine}_")
        any_release, new = (
            any(wanted.fullmatch(form + name) for name in names for form in forms)
            for names in (self.ever, self.after)
        )
        return any_release, new

    def _split(self, sample: str) -> tuple[str, str]:
        """Return a sample's base name and the suffix of its type; counters keep `_total`."""
        kind, _ = self.ever.get(sample, ("", ""))
        for suffix in ("_bucket", "_sum", "_count", "_created"):
            if kind in ("histogram", "summary", "counter") and sample.endswith(suffix):
                return sample.removesuffix(suffix), suffix
        return sample, ""


@cache
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    near = get_close_matches(name, known, 1, _NEAR)
    return near[0] if near else None


def samples_of(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the samples of metrics, without the engine's prefix, each with its metric's type."""
    return {
        f"{_base(name, kind)}{suffix}": kind
        for name, kind in ((name, str(fact["type"])) for name, fact in metrics.items())
        for suffix in _SUFFIXES[kind]
    }


def _base(name: str, kind: str) -> str:
    base = name.partition(":")[2]
    return base.removesuffix("_total") if kind == "counter" else base


def _part(term: Term) -> tuple[object, ...]:
    """Return what a term takes of a family, so that one is not taken for another's part."""
    return tuple(sorted(term.label.items())), term.complement
