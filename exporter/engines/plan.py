"""How one page layout becomes canonical samples: worked out once a layout, applied every scrape.

A `Plan` is made from a layout, an engine's catalog and what is known of the server. Applying it to
a page of that layout costs one C-level pick for every sample that is one raw series, and a small
sum or maximum for the rest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from operator import itemgetter
from typing import Final

from ..errors import PageError
from ..exposition import Layout, Page
from ..vocabulary.engine import BY_NAME, FAMILIES
from .catalog import EngineCatalog, PageContext, Term, version_of
from .detect import Namespace
from .engine import Compute
from .engine import Labels as Labels
from .exact_sum import exact_sum
from .ranks import lowest_ranks
from .registry import ENGINES
from .split import Keys, Part, split

UNKNOWN: Final = float("nan")

Values = Sequence[float]

_OF_ENGINES: Final = ("requests_running", "requests_waiting")
"""Whose sum over engines says nothing while their number, and so their limit, is unknown."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One canonical sample: family, suffix (`_bucket`, `_sum`, `_count` or none) and labels."""

    family: str
    suffix: str
    labels: Labels

    def label(self, name: str) -> str:
        """Return a label's value, empty where the sample has no such label."""
        return next((value for key, value in self.labels if key == name), "")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The canonical values of one page. `values[i]` belongs to `plan.samples[i]`; NaN is unknown.

    `time` is the monotonic time in seconds at which the page was received. `suspect` are positions
    of counters whose growth since the snapshot before is not known.
    """

    plan: "Plan"
    values: tuple[float, ...]
    time: float
    suspect: frozenset[int] = frozenset()

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
    the page, `relayed` that its values are renewed at the pace of whoever serves it.
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

    @property
    def version(self) -> str:
        """The server's version as far as it was known, else empty."""
        return self.context.version

    def apply(self, page: Page, time: float) -> Snapshot:
        """Return the canonical values of a page that has this plan's layout."""
        values: list[float] = list(self._pick(page.values))
        for i, compute in zip(self._picked, self._computes, strict=True):
            values[i] = compute(page.values)
        return Snapshot(self, tuple(values), time)

    def indices(self, family: str, **labels: str) -> list[int]:
        """Return where a family's plain samples stand, those with the given labels only."""
        indices = self._by_family.get(family, [])
        if not labels:
            return indices
        wanted = labels.items()
        return [i for i in indices if all(self.samples[i].label(k) == v for k, v in wanted)]

    def families(self) -> frozenset[str]:
        """Return the canonical families the layout gives."""
        return frozenset(sample.family for sample in self.samples)


def make(layout: Layout, namespace: Namespace, context: PageContext) -> Plan:
    """Work out the plan of a page of one model; raise `PageError` where it holds several."""
    plans = make_all(layout, namespace, lambda model: context)
    if len(plans) > 1:
        models = ", ".join(plan.model for plan in plans)
        raise PageError(0, f"the page holds several models ({models}): read each for itself")
    return plans[0]


def make_all(
    layout: Layout,
    namespace: Namespace,
    context: Callable[[str], PageContext],
    before: Keys | None = None,
) -> tuple[Plan, ...]:
    """Work out the plan of each model of a layout, ordered by model.

    `context` returns what is known of the server of a model, `before` holds the `key` of each model
    on an earlier page. Raises `PageError` where a series stands twice on the page.
    """
    parts = split(layout, namespace, before)
    notes: tuple[str, ...] = ()
    if len(parts) > 1:
        models = ", ".join(part.model for part in parts)
        notes = (
            f"the page holds several models ({models}), each shown as a server of its own: its "
            "GPUs are known only where `models` of the target declares them, and its limits only "
            "from what names it",
        )
    return tuple(_make(part, layout, namespace, context(part.model), notes) for part in parts)


def _make(
    part: Part,
    layout: Layout,
    namespace: Namespace,
    context: PageContext,
    notes: tuple[str, ...],
) -> Plan:
    maker = _Maker(part, namespace, context)
    for family in FAMILIES:
        maker.family(family.name)
    engine = ENGINES[namespace.catalog.engine]
    for name, labels, compute in engine.label_samples(
        maker.by_name, maker.page_settings, maker.model, context
    ):
        maker.outputs.append((Sample(name, "", labels), compute))
    maker.notes += engine.page_notes(maker.by_name, maker.page_settings, context)
    outputs = maker.outputs
    plain = [compute if isinstance(compute, int) else 0 for _, compute in outputs]
    computed = [(i, c) for i, (_, c) in enumerate(outputs) if not isinstance(c, int)]
    by_family: dict[str, list[int]] = {}
    for i, (sample, _) in enumerate(outputs):
        if not sample.suffix:
            by_family.setdefault(sample.family, []).append(i)
    samples = tuple(sample for sample, _ in outputs)
    return Plan(
        engine=engine.name,
        context=context,
        samples=samples,
        origins=maker.origins,
        notes=(*namespace.notes, *notes, *part.notes, *maker.notes),
        left_out=frozenset(maker.left_out - {sample.family for sample, _ in outputs}),
        samples_dropped=sum(layout.dropped.values()),
        unknown_names=namespace.unknown_names,
        page_settings=maker.page_settings,
        model=maker.model,
        key=part.key,
        engines=_engines(samples, part) if part.understood else None,
        counting=_counting(samples, part) if part.understood else (),
        pushed=namespace.pushed,
        relayed=part.relayed,
        _computes=tuple(compute for _, compute in computed),
        _pick=_picker(plain),
        _picked=tuple(i for i, _ in computed),
        _by_family=by_family,
    )


def _engines(samples: Iterable[Sample], part: Part) -> tuple[str, ...]:
    """Return the engines with a gauge of running requests; if none, all that count anything.

    Counters of an engine that has gone may stay on the page of whoever collects them for ever; its
    gauges do not.
    """
    running = {
        sample.label("engine_index") for sample in samples if sample.family == "requests_running"
    }
    if part.key and running:
        return tuple(sorted(running))
    return tuple(sorted({sample.label("engine_index") for sample in samples} - {""})) or ("",)


def _counting(samples: Iterable[Sample], part: Part) -> tuple[str, ...]:
    families = ("generation_tokens_total", "decode_tokens_total")
    counting = {sample.label("engine_index") for sample in samples if sample.family in families} - {
        ""
    }
    if part.key:
        counting &= set(_engines(samples, part))
        return tuple(sorted(counting))
    return tuple(sorted(counting)) or ("",)


def _picker(indices: list[int]) -> Callable[[Values], tuple[float, ...]]:
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple(values[i] for i in indices)


class _Maker:
    """Collects the outputs of one plan: a page index, or a function of the page's values."""

    def __init__(self, part: Part, namespace: Namespace, context: PageContext) -> None:
        self.catalog: EngineCatalog = namespace.catalog
        self._context = context
        self._version = version_of(context.version)
        self.outputs: list[tuple[Sample, int | Compute]] = []
        self.notes: list[str] = []
        self.origins: dict[str, str] = {}
        self.left_out = set[str]()
        self._prefix = namespace.prefix
        self._pushed = namespace.pushed
        self._understood = part.understood
        self._unread = part.unread
        self.by_name = part.series
        self.page_settings = ENGINES[self.catalog.engine].page_settings(self.by_name)
        self._model_label = self.catalog.model[0]
        models = {
            labels[self._model_label]
            for series_of_name in self.by_name.values()
            for _, labels in series_of_name
            if labels.get(self._model_label)
        }
        self.model = part.model or (models.pop() if len(models) == 1 else "")
        if namespace.pushed:
            self.notes.append(
                "sums of histograms are left out: Ray makes them up from bucket bounds. Batches "
                "are those of the requests running"
            )

    def family(self, name: str) -> None:
        """Add the samples of one canonical family by its first alternative on the page."""
        histogram = BY_NAME[name].kind == "histogram"
        probe = "_count" if histogram else ""
        suffixes = ("_bucket", "_sum", "_count") if histogram else ("",)
        # decode tokens leave out each request's first: without those they would say too little
        alone = name == "decode_tokens_total" and self._unread.intersection(
            self.catalog.raw_names("time_to_first_token_seconds")
        )
        if alone or (name in _OF_ENGINES and not self._understood):
            if not self.by_name.keys().isdisjoint(self.catalog.raw_names(name)):
                self.left_out.add(name)
            return
        ambiguous = ""
        for option in self.catalog.families.get(name, ()):
            first = option.terms[0]
            if self._unread & {term.raw + end for term in option.terms for end in suffixes}:
                self.left_out.add(name)
                continue
            if first.raw + probe not in self.by_name:
                continue
            if self._pushed and not histogram and first.raw.endswith("_sum"):
                self.left_out.add(name)
                continue
            if not first.speaks_for(self._version):
                self.left_out.add(name)
                ambiguous = first.raw if self._version is None else ambiguous
                continue
            self._note_elsewhere(name, probe, option.terms)
            for suffix in suffixes:
                if suffix == "_sum" and self._pushed:
                    continue
                self._samples(name, suffix, option.terms)
            present = [term for term in option.terms if term.raw + probe in self.by_name]
            names = dict.fromkeys(("" if t.bare else self._prefix) + t.raw for t in present)
            self.origins[name] = " + ".join(names)
            return
        if ambiguous:
            self.notes.append(
                f"{name} is left out: what {ambiguous} means depends on the version, which is "
                "unknown"
            )

    def _note_elsewhere(self, family: str, probe: str, terms: list[Term]) -> None:
        for term in terms:
            series = self.by_name.get(term.raw + probe, ())
            if term.elsewhere and any(self._is_elsewhere(term, labels) for _, labels in series):
                self.left_out.add(family)
                self.notes.append(
                    f"{family} is left out of engines of role {term.elsewhere.role}: "
                    f"{term.elsewhere.reason}"
                )
                return

    def _is_elsewhere(self, term: Term, labels: Mapping[str, str]) -> bool:
        role = self.catalog.role_of(labels, self._context)
        return term.elsewhere is not None and term.elsewhere.concerns(role, self._context)

    def _samples(self, family: str, suffix: str, terms: list[Term]) -> None:
        groups: dict[Labels, list[Compute | int]] = {}
        across = terms[0].across
        for term in terms:
            scale = self._scale(term, family)
            if scale is None:
                continue
            if suffix == "_count" or suffix == "_bucket":
                scale = 1.0
            for labels, part in self._parts(term, suffix):
                changed = scale != 1.0 or term.absent or term.complement
                compute = _adjust(part, scale, term) if changed else part
                groups.setdefault(labels, []).append(compute)
        if suffix == "_bucket" and len({len(parts) for parts in groups.values()}) > 1:
            self.notes.append(f"{family} has no buckets: its parts do not share bucket bounds")
            return
        for labels, parts in groups.items():
            self.outputs.append((Sample(family, suffix, labels), _combine(parts, across)))

    def _scale(self, term: Term, family: str) -> float | None:
        if term.unit != "blocks":
            return term.scale
        size = self.page_settings.get("block_size", "")
        if not size.isdigit():
            self.notes.append(f"{family} is left out: it counts blocks of unknown size")
            return None
        return term.scale * int(size)

    def _parts(self, term: Term, suffix: str) -> Iterable[tuple[Labels, Compute | int]]:
        """Yield canonical labels and value of each raw series of a term, ranks and pids settled."""
        chosen = [
            (i, labels)
            for i, labels in self.by_name.get(term.raw + suffix, ())
            if all(rule.fullmatch(labels.get(key, "")) for key, rule in term.where.items())
            and not self._is_elsewhere(term, labels)
        ]
        chosen = lowest_ranks(chosen, self.catalog.ranks, self.catalog.totals)
        by_process: dict[Labels, list[int]] = {}
        for i, labels in chosen:
            others = tuple(sorted((k, v) for k, v in labels.items() if k != "pid"))
            by_process.setdefault(others, []).append(i)
        for others, indices in by_process.items():
            # one gauge for each API server process, all but one stale: the largest is the live one
            part = indices[0] if len(indices) == 1 else _largest(indices)
            yield self._labels(term, dict(others)), part

    def _labels(self, term: Term, raw: Mapping[str, str]) -> Labels:
        labels = {}
        if engine_index := raw.get(self.catalog.engine_index):
            labels["engine_index"] = engine_index
        if model := raw.get(self._model_label) or self.model:
            labels["model"] = model
        for canonical, name in term.keep.items():
            if raw.get(name):
                labels[canonical] = raw[name]
        labels.update(term.label)
        if "le" in raw:
            labels["le"] = _bound(raw["le"], term.scale)
        return tuple(labels.items())


def _bound(text: str, scale: float) -> str:
    """Return a bucket bound in one spelling, so that a series keeps its name across releases."""
    bound = float(text) * scale
    return "+Inf" if bound == float("inf") else repr(bound)


def _largest(indices: list[int]) -> Compute:
    return lambda values: max(values[i] for i in indices)


def _adjust(part: Compute | int, scale: float, term: Term) -> Compute:
    value_of: Compute = (lambda values: values[part]) if isinstance(part, int) else part

    def compute(values: Values) -> float:
        value = value_of(values)
        if (term.absent == "zero" and value == 0) or (term.absent == "negative" and value < 0):
            return UNKNOWN
        return 1.0 - value if term.complement else value * scale

    return compute


def _combine(parts: list[Compute | int], across: str) -> Compute | int:
    if len(parts) == 1:
        return parts[0]
    indices = [part for part in parts if isinstance(part, int)]
    computes = [part for part in parts if not isinstance(part, int)]
    reduce: Callable[[list[float]], float] = max if across == "max" else exact_sum

    def compute(values: Values) -> float:
        return reduce([*(values[i] for i in indices), *(part(values) for part in computes)])

    return compute
