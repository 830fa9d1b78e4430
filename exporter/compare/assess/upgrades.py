"""Which upgrades there are in a fleet, and at which moments each is judged. Pure arithmetic.

Looking again and again until something shows finds something in every upgrade. So an upgrade is
judged at fixed looks only, each with its share of the error (Bonferroni), and between two looks the
verdict of the last one stands.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.matchers import Matcher
from ..fleet.windows import Fleet
from .comparison import Question

LOOKS: Final = (2.0, 6.0, 24.0)
"""Hours of the candidate after warm-up at which it is judged."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A release that came after another, and since when (Unix seconds) it had work."""

    question: Question
    started: float


def upgrades(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the newest upgrade of every class of servers; sides are told by release.

    The baseline is the release with the most work before the candidate's first.
    """
    windows, found = fleet.windows, list[Upgrade]()
    tokens = np.nan_to_num(windows.column("decode_tokens"))
    classes: dict[tuple[str, str], dict[str, list[int]]] = {}
    for i, server in enumerate(windows.servers):
        key = server.model, server.server_class
        classes.setdefault(key, {}).setdefault(server.release, []).append(i)
    for (model, server_class), releases in classes.items():
        rows = {name: np.isin(windows.server, ids) for name, ids in releases.items()}
        begun = {name: float(windows.time[mask].min()) for name, mask in rows.items() if mask.any()}
        if len(begun) < 2:
            continue
        candidate = max(begun, key=lambda name: begun[name])
        before = windows.time < begun[candidate]
        work = {name: float(tokens[rows[name] & before].sum()) for name in begun}
        baseline = max((n for n in begun if n != candidate), key=lambda name: work[name])
        same = Matcher("model", "=", model), Matcher("class", "=", server_class)
        found.append(
            Upgrade(
                replace(
                    question,
                    baseline=(Matcher("release", "=", baseline), *same),
                    candidate=(Matcher("release", "=", candidate), *same),
                ),
                begun[candidate],
            )
        )
    return tuple(found)


def at_look(fleet: Fleet, upgrade: Upgrade, now: float) -> tuple[Fleet, Question] | None:
    """Return what the last look sees and asks, None before the first look."""
    begin = upgrade.started + upgrade.question.warm_up
    passed = [look for look in LOOKS if begin + 3600.0 * look <= now]
    if not passed:
        return None
    end = begin + 3600.0 * passed[-1]
    windows = fleet.windows.where(fleet.windows.time + fleet.windows.width <= end)
    return (
        replace(fleet, windows=windows),
        replace(upgrade.question, alpha=upgrade.question.alpha / len(LOOKS)),
    )
