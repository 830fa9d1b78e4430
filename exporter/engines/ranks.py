"""Which of several ranks' copies of one series is believed."""

from collections.abc import Mapping, Sequence

Found = tuple[int, Mapping[str, str]]


def lowest_ranks(
    found: list[Found], ranks: Sequence[str], totals: Mapping[str, str]
) -> list[Found]:
    """Keep one series of those that repeat one another across tensor and pipeline ranks.

    Among series alike but for their `ranks` labels the lowest rank is kept; then, among those
    alike but for a `totals` label, the one with the total's value where there is one. Series
    without rank labels come from elsewhere and are all kept.
    """
    ranked = [one for one in found if any(rank in one[1] for rank in ranks)]
    if not ranked:
        return found
    kept: dict[tuple[tuple[str, str], ...], Found] = {}
    for one in sorted(ranked, key=lambda one: [_number(one[1].get(rank, "")) for rank in ranks]):
        kept.setdefault(_without(one[1], ranks), one)
    for label, value in totals.items():
        groups: dict[tuple[tuple[str, str], ...], list[Found]] = {}
        for one in kept.values():
            groups.setdefault(_without(one[1], [*ranks, label]), []).append(one)
        chosen = []
        for group in groups.values():
            total = [one for one in group if one[1].get(label, "") == value]
            chosen += total or group
        kept = {_without(one[1], ranks): one for one in chosen}
    return sorted(kept.values(), key=lambda one: one[0]) + [
        one for one in found if one not in ranked
    ]


def _without(labels: Mapping[str, str], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in labels.items() if key not in names))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
