"""Which labels separate the engines of one page.

An engine's own label of a data-parallel rank does so by definition. Whoever collects several
engines on one page adds a label of its own choice, and engines have labels that divide what one
engine counts. What they divide keeps the two apart: every engine has a gauge of running requests
and counters of its tokens, so a label that separates engines divides all of these alike.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from .catalog import EngineCatalog, page_labels
from .page_series import SeriesByName

_RUNNING: Final = "requests_running"
_CACHE: Final = "kv_cache_usage_ratio"
_TOKENS: Final = ("generation_tokens_total", "decode_tokens_total", "prompt_tokens_total")
LIVE: Final = (_RUNNING, *_TOKENS)
"""The gauge and the counters that every engine has."""

_COUNTERS: Final = (*_TOKENS, "time_to_first_token_seconds", "inter_token_latency_seconds")


@dataclass(frozen=True, slots=True)
class EngineLabels:
    """How the engines of one model are told apart on a page.

    `key` are the labels that separate them, beside the engine's own. `undecided` holds by label the
    raw names that it divides although it does not separate the same engines in all of them; of
    these the parts by `additive` labels add up. Where such a label divides what every engine
    counts, how many engines there are is not `understood`. `divided` are all labels that divide
    something and are not in the key.
    """

    key: tuple[str, ...] = ()
    understood: bool = True
    undecided: Mapping[str, frozenset[str]] = field(default_factory=dict)
    additive: frozenset[str] = frozenset()
    divided: frozenset[str] = frozenset()

    def ambiguous(self) -> frozenset[str]:
        """Return the raw names whose parts may hold a total beside the parts."""
        return frozenset(
            name
            for label, names in self.undecided.items()
            if label not in self.additive
            for name in names
        )


def engine_labels(
    by_name: SeriesByName, catalog: EngineCatalog, before: Sequence[str], pushed: bool
) -> EngineLabels:
    """Return the labels that separate the engines of one model.

    `by_name` holds that model's series. `before` is the key found on an earlier page of the target:
    it stays, so that an engine keeps its name while it is alone on the page. `pushed` says that
    gauges of idle engines leave the page.
    """
    page, rules = _Page(by_name, catalog), page_labels()
    order = rules.engines
    running = [name for name in catalog.raw_names(_RUNNING) if name in by_name]
    counters = [
        name for family in _COUNTERS for name in catalog.raw_names(family) if name in by_name
    ]
    counted = list(dict.fromkeys([*running, *counters]))
    # an engine has a cache of its own, which requests of different kinds share
    caches = [name for name in catalog.raw_names(_CACHE) if name in by_name]
    key = [label for label in before if page.everywhere(label, counted)]
    candidates = {label for name in counted for label in page.divided(name, key)}
    for label in sorted(candidates, key=lambda label: _rank(label, order)):
        known = label in order
        if not any(label in page.divided(name, key) for name in counted):
            continue
        if known:
            separates = page.everywhere(label, counted) and page.overlap(label, running, counters)
        else:
            separates = (
                label not in rules.parts
                and page.everywhere(label, [*counted, *caches])
                and page.nested(label, counted)
                and page.values(label, counted).isdisjoint(rules.totals)
                and bool(running or not pushed)
            )
        if separates:
            key.append(label)
    divisions = {name: page.divided(name, key) for name in by_name}
    custom = _custom(page, by_name, catalog, running, divisions)
    undecided: dict[str, set[str]] = {}
    for name, labels in divisions.items():
        for label in labels - custom:
            if label not in order or name in counted:
                undecided.setdefault(label, set()).add(name)
    return EngineLabels(
        tuple(key),
        not any(names & set(counted) for names in undecided.values()),
        {label: frozenset(names) for label, names in undecided.items()},
        frozenset(undecided.keys() & set(order)),
        frozenset(label for labels in divisions.values() for label in labels),
    )


def _rank(label: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(label) if label in order else len(order)), label


def _custom(
    page: "_Page",
    by_name: SeriesByName,
    catalog: EngineCatalog,
    running: Iterable[str],
    divisions: Mapping[str, Set[str]],
) -> frozenset[str]:
    """Return the labels an operator added to requests: on families of requests alone."""
    first = next((name for name in catalog.custom_labels_on if name in by_name), None)
    if first is None or not running:
        return frozenset()
    live = [name for name in catalog.raw_names("decode_tokens_total") if name in by_name]
    known = set(page_labels().engines)
    return frozenset(
        label
        for label in page.labels(first) - known
        if any(label in labels for labels in divisions.values())
        and not any(label in page.labels(name) for name in (*running, *live))
    )


class _Page:
    """One model's series, and what its labels divide."""

    def __init__(self, by_name: SeriesByName, catalog: EngineCatalog) -> None:
        self._by_name = by_name
        self._fixed = catalog.dimension_labels() | set(page_labels().dimensions)
        self._rank = catalog.engine_index
        # settings stand in the labels of these: each engine's may differ
        self._skipped = {*catalog.info, *catalog.sample_names()[1]}
        self._named = {self._rank, catalog.model[0]}

    def labels(self, name: str) -> set[str]:
        """Return the labels of a name's series."""
        return {label for _, own in self._by_name.get(name, ()) for label in own}

    def divided(self, name: str, key: Iterable[str]) -> set[str]:
        """Return the labels in which a name's series differ that agree in the key and the rest."""
        if name in self._skipped or name.endswith("_bucket"):
            return set()
        agreeing: dict[tuple[object, ...], list[Mapping[str, str]]] = {}
        series = self._by_name[name]
        fixed = self._fixed | set(key)
        if all(self._rank in own for _, own in series):
            # a rank that some lack says nothing of those: another label separates them from it
            fixed |= {self._rank}
        for _, own in series:
            group = tuple(sorted(pair for pair in own.items() if pair[0] in fixed))
            agreeing.setdefault(group, []).append(own)
        differing = set[str]()
        for group_labels in agreeing.values():
            if len(group_labels) > 1:
                names = {label for own in group_labels for label in own} - fixed - self._named
                differing |= {n for n in names if len({own.get(n) for own in group_labels}) > 1}
        return differing

    def everywhere(self, label: str, names: Sequence[str]) -> bool:
        """Whether every series of these names has a label."""
        series = [own for name in names for _, own in self._by_name[name]]
        return bool(series) and all(label in own for own in series)

    def overlap(self, label: str, running: Sequence[str], counters: Sequence[str]) -> bool:
        """Whether a gauge and the counters share a value: two processes of one engine do not.

        They need not share all: counters of an engine appear with its first request, and stay on
        a page that outlives the engine.
        """
        gauges = self.values(label, running)
        return all(
            not gauges or not values or bool(gauges & values)
            for values in (self.values(label, [name]) for name in counters)
        )

    def nested(self, label: str, names: Sequence[str]) -> bool:
        """Whether of any two names one has all values of the other."""
        values = [self.values(label, [name]) for name in names]
        return all(a <= b or b <= a for a in values for b in values)

    def values(self, label: str, names: Iterable[str]) -> set[str]:
        """Return the values of a label on the series of these names."""
        return {own[label] for name in names for _, own in self._by_name[name] if label in own}
