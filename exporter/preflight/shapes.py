"""Labels and buckets of an engine's metrics over its releases, by sample. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from .catalog import ReleaseCatalog, release_catalog
from .samples import samples_of

Bounds = tuple[float, ...]


@dataclass(frozen=True)
class Shape:
    """What one sample has in a release; None where the release does not tell before it starts."""

    labels: frozenset[str] | None = None
    buckets: Bounds | None = None


@dataclass(frozen=True)
class MetricShapes:
    """The shapes of samples without the engine's prefix, in two releases of a catalog and ever."""

    catalog: ReleaseCatalog
    old: str
    new: str

    @cached_property
    def before(self) -> Mapping[str, Shape]:
        """Samples of the old release."""
        return self._shapes(self.old)

    @cached_property
    def after(self) -> Mapping[str, Shape]:
        """Samples of the new release."""
        return self._shapes(self.new)

    @cached_property
    def last_labels(self) -> Mapping[tuple[str, str], str]:
        """By sample and label, the last release in which the sample had the label."""
        return {
            (sample, label): release
            for release, shapes in self._every.items()
            for sample, shape in shapes.items()
            for label in shape.labels or ()
        }

    @cached_property
    def last_buckets(self) -> Mapping[tuple[str, float], str]:
        """By sample and bound, the last release in which the sample had the bucket."""
        return {
            (sample, bound): release
            for release, shapes in self._every.items()
            for sample, shape in shapes.items()
            for bound in shape.buckets or ()
        }

    @cached_property
    def _every(self) -> Mapping[str, Mapping[str, Shape]]:
        return {release: self._shapes(release) for release in self.catalog.releases}

    def _shapes(self, release: str) -> dict[str, Shape]:
        shared = frozenset(self.catalog.facts("labels", release))
        shapes = dict[str, Shape]()
        for name, fact in self.catalog.facts("metrics", release).items():
            shape = _shape(fact, shared)
            shapes |= dict.fromkeys(samples_of({name: fact}), shape)
        return shapes


@cache
def metric_shapes(engine: str, old: str, new: str) -> MetricShapes:
    """Return the shapes of an engine's metrics in two releases of its catalog."""
    return MetricShapes(release_catalog(engine), old, new)


def _shape(fact: Mapping[str, Any], shared: frozenset[str]) -> Shape:
    own, buckets = fact.get("labels"), fact.get("buckets")
    labels = None if own is None else frozenset(own) | (shared if fact["shared"] else frozenset())
    return Shape(labels, None if buckets is None else tuple(map(float, buckets)))
