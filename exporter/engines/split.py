"""One page of several models and engines becomes a part for each model, its engines named.

The series of a part carry at most one label that names an engine, the engine's own, whose value
tells all engines of the page apart. Everything after this file knows no other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..exposition import Layout
from .catalog import EngineCatalog, page_labels
from .detect import Namespace
from .engine_labels import LIVE, EngineLabels, engine_labels
from .page_series import Series, SeriesByName, series_by_name

Keys = Mapping[str, tuple[str, ...]]
"""By model the labels that separate its engines."""


@dataclass(frozen=True, slots=True)
class Part:
    """The series of one model; `model` is empty where none is named.

    The label of a data-parallel rank holds what names the engine on the page. `key` are the labels
    it was made of, beside the rank. `understood` says whether the engines could be told apart.
    `relayed` says that whoever serves the page has its values from the engines now and then.
    `unread` are raw names on the page that must not be read: their parts may not add up, or some
    are missing.
    """

    model: str
    series: SeriesByName
    key: tuple[str, ...]
    understood: bool
    relayed: bool
    unread: frozenset[str]
    notes: tuple[str, ...]


def split(layout: Layout, namespace: Namespace, before: Keys | None = None) -> tuple[Part, ...]:
    """Return the parts of a page, ordered by model; raise `PageError` as `series_by_name` does.

    `before` are the keys of an earlier page of the target. A model and an engine known from it
    keep their names while others are missing.
    """
    before = before or {}
    by_name, notes = series_by_name(layout, namespace)
    catalog = namespace.catalog
    dropped = frozenset(name for raw in layout.dropped if (name := namespace.strip(raw)))
    models = _models(by_name, catalog)
    parts = []
    for model, series in models.items():
        labels = engine_labels(series, catalog, before.get(model, ()), namespace.pushed)
        parts.append(
            Part(
                model,
                _named(series, catalog, labels, model),
                labels.key,
                labels.understood,
                namespace.pushed or _collected(series),
                labels.ambiguous() | dropped,
                (*notes, *_notes(labels, namespace)),
            )
        )
    return tuple(parts)


def _models(by_name: SeriesByName, catalog: EngineCatalog) -> dict[str, SeriesByName]:
    """Return the series of each model that an engine counts anything of.

    A series that names none (settings), or another than gauges and counters do (relays write the
    served name on some), belongs to the model whose engine it names; what stands for the process
    belongs to all.
    """
    places: dict[str, list[Mapping[str, str]]] = {}
    for family in LIVE:
        for name in catalog.raw_names(family):
            for _, labels in by_name.get(name, ()):
                places.setdefault(_model(labels, catalog), []).append(labels)
    named = sorted(places.keys() - {""})
    bare = catalog.sample_names()[1]
    if len(named) < 2:
        everywhere = [labels for model in places.values() for labels in model]
        return {
            (named or [""])[0]: {
                name: kept
                for name, series in by_name.items()
                if (kept := _of_places(series, everywhere, catalog) if name in bare else series)
            }
        }
    models: dict[str, SeriesByName] = {model: {} for model in named}
    for name, series in by_name.items():
        for i, labels in series:
            model = _model(labels, catalog)
            known = [model] if model in models else []
            owners = known or [m for m in named if _fits(labels, places[m], catalog)]
            if len(owners) == 1 or name in bare:
                for owner in owners:
                    models[owner].setdefault(name, []).append((i, labels))
    return models


def _of_places(
    series: list[Series], places: list[Mapping[str, str]], catalog: EngineCatalog
) -> list[Series]:
    """Return series less those of other processes than engines, which a collector may add."""
    return [(i, labels) for i, labels in series if not places or _fits(labels, places, catalog)]


def _collected(series: SeriesByName) -> bool:
    relays = set(page_labels().relays)
    return any(not relays.isdisjoint(labels) for rows in series.values() for _, labels in rows)


def _model(labels: Mapping[str, str], catalog: EngineCatalog) -> str:
    return next((labels[name] for name in catalog.model if name in labels), "")


def _fits(
    labels: Mapping[str, str], places: Iterable[Mapping[str, str]], catalog: EngineCatalog
) -> bool:
    """Whether a series without a model agrees with any of a model in every label that places it."""
    placing = labels.keys() & {*page_labels().engines, catalog.engine_index}
    return any(
        all(place.get(name, labels[name]) == labels[name] for name in placing) for place in places
    )


def _named(
    series: SeriesByName, catalog: EngineCatalog, labels: EngineLabels, model: str
) -> SeriesByName:
    """Return the series with their engine's and model's name, less labels that say nothing more."""
    rank = catalog.engine_index
    rules = page_labels()
    kept = catalog.dimension_labels() | {*rules.dimensions, *catalog.model[:1]} | labels.divided
    kept |= {catalog.role}
    gone = {*labels.key, rank, *rules.engines, *rules.dimensions}
    key = [label for label in rules.engines if label in labels.key]
    key += sorted(set(labels.key) - set(key))
    ranked = bool(key) and _ranked(series, key, rank)
    model_label = catalog.model[0]
    # without a key nothing is renamed, and most series have no label that goes
    plain = frozenset() if key else kept | {rank}
    named = SeriesByName()
    for name, rows in series.items():
        # settings are read from every label that is not the place of the engine
        settings = name in catalog.info
        for i, own in rows:
            if not settings and own.keys() <= plain and own.get(model_label) == model:
                named.setdefault(name, []).append((i, own))
                continue
            less = {
                label: value
                for label, value in own.items()
                if (label not in gone if settings else label in kept and label != rank)
            }
            if engine := _engine(own, key, rank, ranked):
                less[rank] = engine
            if named_model := _model(own, catalog):
                less[model_label] = model or named_model
            named.setdefault(name, []).append((i, less))
    return named


def _ranked(series: SeriesByName, key: list[str], rank: str) -> bool:
    """Whether engines alike in the key differ in their data-parallel rank."""
    ranks: dict[tuple[str, ...], set[str]] = {}
    for rows in series.values():
        for _, own in rows:
            if rank in own:
                ranks.setdefault(tuple(own.get(label, "") for label in key), set()).add(own[rank])
    return any(len(values) > 1 for values in ranks.values())


def _engine(own: Mapping[str, str], key: list[str], rank: str, ranked: bool) -> str:
    """Return what names an engine: its rank, or the labels that separate it from the others."""
    if not key:
        return own.get(rank, "")
    named = [label for label in key if label in own]
    if named and ranked and rank in own:
        named.append(rank)
    return ",".join(f"{label}={own[label]}" for label in named)


_LISTED: Final = 4


def _notes(labels: EngineLabels, namespace: Namespace) -> list[str]:
    """Return a sentence on each label whose meaning is not known."""
    notes = []
    for label, names in sorted(labels.undecided.items()):
        listed = ", ".join(namespace.prefix + name for name in sorted(names)[:_LISTED])
        listed += f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        if label in labels.additive:
            notes.append(
                f"label {label!r} separates series of {listed}, but not the same engines in every "
                "family: how many engines the page has is unknown, so figures of an engine are "
                "left out. Scrape the engines one by one, or give their series one label in common"
            )
        else:
            notes.append(
                f"label {label!r} is unknown and divides {listed}: its parts may be engines, or "
                "hold their own total, so all that follows from them is left out. Serve the page "
                "without it, or with a label that every series of an engine carries"
            )
    return notes
