"""The canonical samples of one model on a page: which raw series each comes from, and how.

Alternatives of a family by what stands on the page, ranks that repeat one another, values that an
engine does not know, units: all that a catalog says is settled here, once for a layout.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Final

from ..base.exact_sum import exact_sum
from ..vocabulary.engine import BY_NAME
from .bucket_bounds import bounds_fault, scaled_bound
from .catalog import EngineCatalog, PageContext, Term, version_of
from .detect import Namespace
from .engine import Compute
from .plan import UNKNOWN, Labels, Sample, Values, shared_sample
from .ranks import lowest_ranks
from .registry import ENGINES
from .sources.facts import positive_count
from .split import Part

_OF_ENGINES: Final = ("requests_running", "requests_waiting")
"""Whose sum over engines says nothing while their number, and so their limit, is unknown."""


class CanonicalSamples:
    """Collects what a page gives, family by family.

    `outputs` are the samples, each with what it is: a position on the page, or a function of the
    page's values. `origins`, `notes` and `left_out` are those of a `Plan`.
    """

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

    def add(self, name: str) -> None:
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
            if fault := self._bounds_fault(option.terms, suffixes):
                self.left_out.add(name)
                self.notes.append(f"{name} is left out: {fault}")
                return
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

    def _bounds_fault(self, terms: list[Term], suffixes: Sequence[str]) -> str:
        """Return what is wrong with the bounds of a family's buckets, empty where nothing is."""
        for raw, suffix in product((term.raw for term in terms), suffixes):
            series = self.by_name.get(raw + suffix, ())
            if suffix == "_bucket":
                if fault := bounds_fault(series):
                    return f"the buckets of {raw} {fault}"
            elif any("le" in labels for _, labels in series):
                return f"{raw}{suffix} has a bound (le), as only buckets have"
        return ""

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
            self.outputs.append((shared_sample(family, suffix, labels), _combine(parts, across)))

    def _scale(self, term: Term, family: str) -> float | None:
        if term.unit != "blocks":
            return term.scale
        size = positive_count(self.page_settings.get("block_size"))
        if size is None:
            self.notes.append(f"{family} is left out: it counts blocks of unknown size")
            return None
        return term.scale * size

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
            labels["le"] = scaled_bound(raw["le"], term.scale)
        return tuple(labels.items())


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
