"""Which upgrades there are in a fleet, and at which moments each is judged. Pure arithmetic.

Testing again and again until something shows finds something in every upgrade. So an upgrade is
judged at fixed interim analyses only, each with its share of the significance level (Bonferroni),
and between two of them the verdict of the last one stands.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.matchers import Matcher, match_all
from ..fleet.windows import ExternalLabels, Fleet
from .comparison import Question

INTERIM_HOURS: Final = (2.0, 6.0, 24.0)
"""Hours of the candidate after warm-up at which it is judged."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A release that came after another, and since when (Unix seconds) it had work."""

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
                starts[candidate],
            )
        )
    return tuple(upgrades)


def first_work(fleet: Fleet, question: Question) -> float | None:
    """Return when the candidate that the matchers choose first had work (Unix seconds), or None."""
    candidate = fleet.windows.of_servers(
        [match_all(question.candidate, labels) for labels in fleet.labels]
    )
    return float(candidate.time.min()) if len(candidate) else None


def interim_analysis(fleet: Fleet, upgrade: Upgrade, now: float) -> tuple[Fleet, Question] | None:
    """Return the data and the question of the last interim analysis, None before the first."""
    first_used = upgrade.start + upgrade.question.warm_up
    passed = [hours for hours in INTERIM_HOURS if first_used + 3600.0 * hours <= now]
    if not passed:
        return None
    end = first_used + 3600.0 * passed[-1]
    windows = fleet.windows.where(fleet.windows.time + fleet.windows.width <= end)
    return (
        replace(fleet, windows=windows, end=end),
        replace(upgrade.question, alpha=upgrade.question.alpha / len(INTERIM_HOURS)),
    )
