"""The series of a page under the names its catalog knows, each once and with no empty label.

Relays and collectors write a series twice, put empty labels on it to give all series of a family
the same ones, and add stages of a pipeline that make no text. None of that gets past this file.
"""

from collections import Counter
from collections.abc import Mapping, Set

from ..base.errors import PageError
from ..exposition import Layout
from .catalog import PageLabels, Stages, page_labels
from .detect import Namespace

Series = tuple[int, Mapping[str, str]]
"""Where a series' value stands on the page, and its labels."""

SeriesByName = dict[str, list[Series]]


def series_by_name(layout: Layout, namespace: Namespace) -> tuple[SeriesByName, tuple[str, ...]]:
    """Return an engine's series by name behind the prefix, and notes on those left out.

    An empty label is none. Of a name that lost series for a label too long none is there: the
    others would pass for the whole. Raises `PageError` where a series stands twice on the page and
    no relay is known to do that.
    """
    rules, by_name = page_labels(), SeriesByName()
    keys = set[tuple[str, frozenset[tuple[str, str]]]]()
    for i, (series, line) in enumerate(zip(layout.series, layout.lines, strict=True)):
        name = namespace.strip(series.name)
        if name is None or series.name in layout.dropped:
            continue
        labels = _stated(series.labels, rules)
        key = name, frozenset(labels.items())
        if key not in keys:
            keys.add(key)
            by_name.setdefault(name, []).append((i, labels))
        elif not rules.endings.keys() & labels.keys():
            raise PageError(
                line,
                f"{series.name} stands twice with the same labels; with several API server "
                "processes read /metrics without a trailing slash, and where pages are merged read "
                "each engine's own",
            )
    for label in _copy_labels(by_name, namespace, rules):
        by_name = _first_copies(by_name, label, namespace.catalog.names_with(label))
    by_name, notes = _text_stages(by_name, namespace.catalog.stages)
    return by_name, (*_dropped(layout, namespace), *notes)


def _dropped(layout: Layout, namespace: Namespace) -> list[str]:
    return [
        f"{name} is not read: {count} of its series on the page have a label of more characters "
        "than limits.label_length"
        for name, count in sorted(layout.dropped.items())
        if namespace.strip(name) is not None
    ]


def _stated(labels: Mapping[str, str], rules: PageLabels) -> Mapping[str, str]:
    """Return labels less the empty ones, their values less what does not belong to an address."""
    if "" not in labels.values() and rules.endings.keys().isdisjoint(labels):
        return labels
    stated = {name: value for name, value in labels.items() if value}
    for name in rules.endings.keys() & stated.keys():
        stated[name] = rules.endings[name].sub("", stated[name])
    return stated


def _copy_labels(by_name: SeriesByName, namespace: Namespace, rules: PageLabels) -> list[str]:
    """Return the labels under which the page shows one series several times."""
    labels = {label for series in by_name.values() for _, own in series for label in own}
    copies = [label for label in rules.copies if label in labels]
    if "instance" not in labels or namespace.pushed:
        return copies
    stages = namespace.catalog.stages
    # Thanos calls the two Prometheus of a pair `replica`. Beside an address it is that: replicas
    # of an engine have an address each, unless Ray or a pipeline puts several behind one.
    if "replica" in labels and (stages is None or stages.label not in labels):
        copies.append("replica")
    instances = {own.get("instance", "") for series in by_name.values() for _, own in series}
    if all(":" in instance for instance in instances - {""}):
        copies += [label for label in rules.found_by if label in labels]
    return copies


def _first_copies(by_name: SeriesByName, label: str, own_names: Set[str]) -> SeriesByName:
    """Keep one of the series alike but for a label: that of the collector with the most series.

    `own_names` are those of which the label is the engine's own.
    """
    counts = Counter(own.get(label, "") for series in by_name.values() for _, own in series)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    copies = SeriesByName()
    for name, series in by_name.items():
        if name in own_names:
            copies[name] = series
            continue
        chosen: dict[frozenset[tuple[str, str]], Series] = {}
        for i, own in sorted(series, key=lambda item: ranked.index(item[1].get(label, ""))):
            others = {key: value for key, value in own.items() if key != label}
            chosen.setdefault(frozenset(others.items()), (i, others))
        copies[name] = sorted(chosen.values(), key=lambda item: item[0])
    return copies


def _text_stages(
    by_name: SeriesByName, stages: Stages | None
) -> tuple[SeriesByName, tuple[str, ...]]:
    """Leave out the stages of a pipeline whose tokens are no text."""
    if stages is None:
        return by_name, ()
    label, others = stages.label, set[str]()
    of_text = SeriesByName()
    for name, series in by_name.items():
        others |= {own[label] for _, own in series if label in own} - set(stages.text)
        text = [(i, own) for i, own in series if own.get(label) not in others]
        if text:
            of_text[name] = text
    if not others:
        return by_name, ()
    listed = ", ".join(sorted(others))
    return of_text, (
        f"{label} {listed} of the pipeline is left out, running requests included: its tokens are "
        f"no text, which is made by {label} {', '.join(stages.text)} alone",
    )
