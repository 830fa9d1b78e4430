"""Which upgrades there are in a fleet, and since when. Pure arithmetic."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import Mask
from ..fleet.matchers import Matcher, match_all
from ..fleet.windows import ExternalLabels, Fleet, Windows
from .comparison import Question

_GAP_SECONDS: Final = 3600.0
"""For how long a release has no server, not even an idle one, while others do, to be taken back."""
_IDLE_SECONDS: Final = 6 * 3600.0
"""For how long a release that runs may have had no work: a night without traffic."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A release that came after another, and since when (Unix seconds) it has run without a gap."""

    question: Question
    start: float


def newest_upgrades(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the newest upgrade of every class of servers; the sides are releases.

    The baseline is the release with the most work before the candidate's first.
    """
    windows, upgrades = fleet.windows, list[Upgrade]()
    tokens = np.nan_to_num(windows.column("decode_tokens"))
    classes: dict[tuple[ExternalLabels, str, str], dict[str, list[int]]] = {}
    for i, server in enumerate(windows.servers):
        key = server.external_labels, server.model, server.server_class
        classes.setdefault(key, {}).setdefault(server.release, []).append(i)
    for (external_labels, model, server_class), releases in classes.items():
        rows = {name: np.isin(windows.server, ids) for name, ids in releases.items()}
        starts = {
            name: float(windows.time[mask].min()) for name, mask in rows.items() if mask.any()
        }
        if len(starts) < 2:
            continue
        candidate = max(starts, key=lambda name: starts[name])
        before = windows.time < starts[candidate]
        work = {name: float(tokens[rows[name] & before].sum()) for name in starts}
        baseline = max((name for name in starts if name != candidate), key=lambda name: work[name])
        same = tuple(
            Matcher(name, "=", value)
            for name, value in (*external_labels, ("model", model), ("class", server_class))
        )
        upgrades.append(
            Upgrade(
                replace(
                    question,
                    baseline=(Matcher("release", "=", baseline), *same),
                    candidate=(Matcher("release", "=", candidate), *same),
                ),
                _last_start(windows, rows[candidate]),
            )
        )
    return tuple(upgrades)


def class_changes(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the releases whose class never ran another, while an older one ran in other classes.

    None of them can be compared. A release that shares a class with another is judged there, and
    is not among them, nor is one that may have run all the time. The baseline is the release with
    the most work before it.
    """
    windows, changes = fleet.windows, list[Upgrade]()
    tokens = np.nan_to_num(windows.column("decode_tokens"))
    worked = set(np.unique(windows.server).tolist())
    if not worked:
        return ()
    begin = float(windows.time.min()) + _IDLE_SECONDS
    models: dict[tuple[ExternalLabels, str, str], dict[str, list[int]]] = {}
    releases_of: dict[tuple[ExternalLabels, str, str], set[str]] = {}
    for i, server in enumerate(windows.servers):
        if i in worked:
            key = server.external_labels, server.engine, server.model
            models.setdefault(key, {}).setdefault(server.release, []).append(i)
            of_class = server.external_labels, server.model, server.server_class
            releases_of.setdefault(of_class, set()).add(server.release)
    compared = {
        (external_labels, model, release)
        for (external_labels, model, _), releases in releases_of.items()
        if len(releases) > 1
        for release in releases
    }
    for (external_labels, engine, model), releases in models.items():
        rows = {name: np.isin(windows.server, members) for name, members in releases.items()}
        starts = {name: float(windows.time[mask].min()) for name, mask in rows.items()}
        same = tuple(
            Matcher(name, "=", value)
            for name, value in (*external_labels, ("engine", engine), ("model", model))
        )
        for release, start in starts.items():
            earlier = [name for name in starts if starts[name] < start]
            if not earlier or start < begin or (external_labels, model, release) in compared:
                continue
            before = windows.time < start
            work = {name: float(tokens[rows[name] & before].sum()) for name in earlier}
            baseline = max(earlier, key=lambda name: work[name])
            pair = replace(
                question,
                baseline=(Matcher("release", "=", baseline), *same),
                candidate=(Matcher("release", "=", release), *same),
            )
            changes.append(Upgrade(pair, start))
    return tuple(changes)


def last_start(fleet: Fleet, question: Question) -> float | None:
    """Return since when the candidate that the matchers choose has run (Unix seconds), or None."""
    chosen = [match_all(question.candidate, labels) for labels in fleet.labels]
    rows = np.asarray(chosen, dtype=bool)[fleet.windows.server]
    return _last_start(fleet.windows, rows) if rows.any() else None


def _last_start(windows: Windows, rows: Mask) -> float:
    """Return the first window after the last gap: a release taken back that came again.

    A time that nobody was seen at is no gap of the release: nothing was asked, or all were down.
    """
    known = np.unique(windows.time)
    times = np.unique(windows.time[rows])
    others = np.diff(np.searchsorted(known, times)) - 1
    later = np.flatnonzero(others * windows.width >= _GAP_SECONDS)
    return float(times[later[-1] + 1] if len(later) else times[0])
