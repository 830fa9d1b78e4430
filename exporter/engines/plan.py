"""A page as canonical samples: a `Plan` says which a layout gives, and gives them for each scrape.

A `Plan` is made from a layout, an engine's catalog and what is known of the server. Applying it to
a page of that layout costs one C-level pick for every sample that is one raw series, and a small
sum or maximum for the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isinf, isnan
from typing import Final
from weakref import WeakValueDictionary

from ..base.exact_sum import exact_sum
from ..exposition import Page
from .catalog import PageContext
from .engine import Compute
from .engine import Labels as Labels

UNKNOWN: Final = float("nan")

Values = Sequence[float]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Sample:
    """One canonical sample: family, suffix (`_bucket`, `_sum`, `_count` or none) and labels."""

    family: str
    suffix: str
    labels: Labels

    def label(self, name: str) -> str:
        """Return a label's value, empty where the sample has no such label."""
        return next((value for key, value in self.labels if key == name), "")


_samples: WeakValueDictionary[tuple[str, str, Labels], Sample] = WeakValueDictionary()


def shared_sample(family: str, suffix: str, labels: Labels) -> Sample:
    """Return a sample that all plans in use share."""
    key = family, suffix, labels
    sample = _samples.get(key)
    if sample is None:
        sample = _samples[key] = Sample(family, suffix, labels)
    return sample


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The canonical values of one page. `values[i]` belongs to `plan.samples[i]`; NaN is unknown.

    `time` is the monotonic time in seconds at which the page was received. `suspect` are positions
    of counters whose growth since the snapshot before is not known. `not_finite` counts the page's
    samples that hold no number (NaN, infinite), which are unknown.
    """

    plan: "Plan"
    values: tuple[float, ...]
    time: float
    suspect: frozenset[int] = frozenset()
    not_finite: int = 0

    def total(self, family: str, **labels: str) -> float | None:
        """Return the sum over a family's plain samples with these labels, None where unknown."""
        values = [self.values[i] for i in self.plan.indices(family, **labels)]
        return exact_sum(values) if values and not any(map(isnan, values)) else None

    def largest(self, family: str, **labels: str) -> float | None:
        """Return the largest of a family's plain samples with these labels, None where unknown."""
        values = [self.values[i] for i in self.plan.indices(family, **labels)]
        return max((value for value in values if not isnan(value)), default=None)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Plan:
    """Which canonical samples a layout gives of one model, and how each is computed from the page.

    `origins` holds by family the raw names that feed it, `notes` what was left out and why,
    `left_out` the families whose raw names are there and yet not read, `samples_dropped` how many
    samples of the page have a label too long, `page_settings` the labels in which the page carries
    the engine's configuration. `model` is empty where the page names none, `key` are the labels
    that its engines are named by beside their rank. `engines` are those that may run requests now,
    by `engine_index`, None where the page does not tell them; `counting` those of them that count
    their own tokens. One engine alone may have the empty name. `pushed` says that engines report to
    the page, `relayed` that its values are renewed at the pace of whoever serves it. `results` is
    for what others work out from the plan, to be kept as long as it.
    """

    engine: str
    context: PageContext
    samples: tuple[Sample, ...]
    origins: Mapping[str, str]
    notes: tuple[str, ...]
    left_out: frozenset[str]
    samples_dropped: int
    unknown_names: tuple[str, ...]
    page_settings: Mapping[str, str]
    model: str
    key: tuple[str, ...]
    engines: tuple[str, ...] | None
    counting: tuple[str, ...]
    pushed: bool
    relayed: bool
    _computes: tuple[Compute, ...]
    _pick: Callable[[Values], tuple[float, ...]]
    _picked: tuple[int, ...]
    _by_family: dict[str, list[int]] = field(default_factory=dict)
    _by_engine: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _by_labels: dict[tuple[object, ...], Sequence[int]] = field(default_factory=dict)
    results: dict[object, object] = field(default_factory=dict, repr=False)

    @property
    def version(self) -> str:
        """The server's version as far as it was known, else empty."""
        return self.context.version

    def apply(self, page: Page, time: float) -> Snapshot:
        """Return the canonical values of a page that has this plan's layout."""
        raw: list[float] = page.values
        not_finite = 0
        if not all(map(isfinite, raw)):
            raw = [value if isfinite(value) else UNKNOWN for value in raw]
            not_finite = sum(map(isnan, raw))
        values: list[float] = list(self._pick(raw))
        for i, compute in zip(self._picked, self._computes, strict=True):
            value = compute(raw)
            values[i] = UNKNOWN if isinf(value) else value
        return Snapshot(self, tuple(values), time, not_finite=not_finite)

    def indices(self, family: str, **labels: str) -> Sequence[int]:
        """Return where a family's plain samples stand, those with the given labels only."""
        key = family, *labels.items()
        known = self._by_labels.get(key)
        if known is None:
            known = self._by_labels[key] = self._with_labels(family, labels)
        return known

    def _with_labels(self, family: str, labels: dict[str, str]) -> Sequence[int]:
        engine = labels.get("engine_index")
        if engine is None:
            indices = self._by_family.get(family, [])
        else:
            indices = self._by_engine.get((family, engine), [])
        wanted = labels.items()
        return [i for i in indices if all(self.samples[i].label(k) == v for k, v in wanted)]

    def families(self) -> frozenset[str]:
        """Return the canonical families the layout gives."""
        return frozenset(sample.family for sample in self.samples)
