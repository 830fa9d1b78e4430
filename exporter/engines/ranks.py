"""Which of several ranks' copies of one series is believed."""

from collections.abc import Mapping, Sequence

from .sources.facts import count

Candidate = tuple[int, Mapping[str, str]]
"""A raw series: where its value stands on the page, and its labels."""


def lowest_ranks(
    candidates: list[Candidate], ranks: Sequence[str], totals: Mapping[str, str]
) -> list[Candidate]:
    """Keep one series of those that repeat one another across tensor and pipeline ranks.

    Among series alike but for their `ranks` labels the lowest rank is kept, for it is there in
    every configuration: the others show up only where all schedulers are asked for metrics. Then,
    among those alike but for a `totals` label, the one with the total's value where there is one.
    Series without rank labels come from elsewhere and are all kept.
    """
    ranked = [series for series in candidates if any(rank in series[1] for rank in ranks)]
    if not ranked:
        return candidates
    first_of_key: dict[tuple[tuple[str, str], ...], Candidate] = {}
    for series in sorted(ranked, key=lambda series: _rank_numbers(series, ranks)):
        first_of_key.setdefault(_without(series[1], ranks), series)
    for label, value in totals.items():
        groups: dict[tuple[tuple[str, str], ...], list[Candidate]] = {}
        for series in first_of_key.values():
            groups.setdefault(_without(series[1], [*ranks, label]), []).append(series)
        chosen = []
        for group in groups.values():
            total = [series for series in group if series[1].get(label, "") == value]
            chosen += total or group
        first_of_key = {_without(series[1], ranks): series for series in chosen}
    return sorted(first_of_key.values(), key=lambda series: series[0]) + [
        series for series in candidates if series not in ranked
    ]


def _rank_numbers(series: Candidate, ranks: Sequence[str]) -> list[int]:
    return [_number(series[1].get(rank, "")) for rank in ranks]


def _without(labels: Mapping[str, str], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in labels.items() if key not in names))


def _number(text: str) -> int:
    return count(text) or 0
