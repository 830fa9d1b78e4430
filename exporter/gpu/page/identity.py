"""Which GPU each series of an exporter's page is of, by labels that are an identity.

A label that says the same of several devices is none, whatever it is called: a virtual function
without a UUID of its own reports zeros, and so does its neighbour. Then another label is tried, and
where none tells the devices apart they are left out: they must not be read as one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..catalog import IdentityLabels

Labels = Mapping[str, str]

_NOTHING: Final = frozenset(
    {
        *("", "-", "n/a", "na", "[n/a]", "none", "nil", "null", "unknown", "not available"),
        *("not supported", "[not supported]"),
    }
)
_BLANK_DIGITS: Final = ({"0"}, {"f"})


@dataclass(frozen=True, slots=True)
class PageIdentities:
    """The GPU and the part of it that each series is of, both empty where it is of no known one.

    `problems` say which devices are left out and why, one sentence each.
    """

    gpus: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def page_identities(series: Sequence[Labels], identity: IdentityLabels) -> PageIdentities:
    """Return what the series of a page are of, given their labels."""
    parts = [_part(labels, identity) for labels in series]
    candidates = [_candidates(labels, identity) for labels in series]
    ambiguous = _ambiguous(series, parts, candidates, identity)
    gpus, refused = list[tuple[str, str]](), defaultdict[str, set[str]](set)
    for labels, part, names in zip(series, parts, candidates, strict=True):
        gpu = next((name for name in names if name not in ambiguous), "")
        gpus.append((gpu, part if gpu else ""))
        if not gpu and (reason := _reason(labels, names, identity)):
            refused[reason].add(_position(labels, identity))
    problems = tuple(
        f"{len(devices)} GPU{'s are' if len(devices) > 1 else ' is'} left out: {reason}, and no "
        "other label tells which is which"
        for reason, devices in sorted(refused.items())
    )
    return PageIdentities(tuple(gpus), problems)


def label(labels: Labels, spellings: Iterable[str]) -> str:
    """Return the first of several labels that says something, empty where none does."""
    values = (labels.get(name, "") for name in spellings)
    return next((value for value in values if value.strip().lower() not in _NOTHING), "")


def _part(labels: Labels, identity: IdentityLabels) -> str:
    whole = any(rule.fullmatch(labels.get(key, "")) for key, rule in identity.whole.items())
    return "" if whole else label(labels, identity.instance)


def _candidates(labels: Labels, identity: IdentityLabels) -> list[str]:
    """Return what may identify a device, best first. A bus address is one on its host only."""
    names = [value for name in identity.uuid if _is_identity(value := label(labels, (name,)))]
    bus, host = label(labels, identity.bus), label(labels, identity.host)
    return [*names, f"{host}/{bus}"] if bus and host else names


def _is_identity(value: str) -> bool:
    """Whether a value can be one device's own: not empty, and not all zeros or all ones."""
    digits = value.lower().removeprefix("gpu-").removeprefix("0x")
    letters = set(digits) - set("-:. ")
    return bool(letters) and letters not in _BLANK_DIGITS


@dataclass(slots=True)
class _Places:
    """Where the series with one identity say their device is."""

    hosts: set[str] = field(default_factory=set)
    buses: set[str] = field(default_factory=set)
    indices: set[str] = field(default_factory=set)

    def several(self) -> bool:
        """Whether they are places of several devices.

        An index alone may change while a device stays the same one, a bus address may not.
        """
        return len(self.hosts) > 1 or len(self.buses or self.indices) > 1


def _ambiguous(
    series: Sequence[Labels],
    parts: Sequence[str],
    candidates: Sequence[Sequence[str]],
    identity: IdentityLabels,
) -> set[str]:
    """Return the values that several devices of the page, or the same parts of several, share."""
    places = defaultdict[tuple[str, str], _Places](_Places)
    for labels, part, names in zip(series, parts, candidates, strict=True):
        for name in names:
            place = places[name, part]
            for values, spellings in (
                (place.hosts, identity.host),
                (place.buses, identity.bus),
                (place.indices, identity.index),
            ):
                if value := label(labels, spellings):
                    values.add(value)
    return {name for (name, _), place in places.items() if place.several()}


def _position(labels: Labels, identity: IdentityLabels) -> str:
    index = label(labels, identity.index)
    return f"{label(labels, identity.host)}/{index}" if index else label(labels, identity.bus)


def _reason(labels: Labels, names: Sequence[str], identity: IdentityLabels) -> str:
    """Return why a series' labels are no identity, empty where they are of no GPU at all."""
    if not _position(labels, identity):
        return ""
    present = [name for name in identity.uuid if name in labels]
    values = [f'{name}="{labels[name]}"' for name in present]
    if names:
        return f"several devices have {' and '.join(values)}"
    return f"{' and '.join(values)} is no identity" if values else ""
