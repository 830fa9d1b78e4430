"""How far each server is from the baseline's curve now, and how far it was on its own before.

A server's index is ln(time its work would have taken on the baseline's curve / time it took), over
the cells both sides visited; its shift is the median index since the upgrade less the server's own
median before it (the fleet's mean where it has no past). Medians, because disturbances are
one-sided and last less than half of the time.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from ..model import Record
from .baseline import BASELINE, CANDIDATE, FIRST_SEEN, SUPERSEDED
from .cells import RATE, SEEN
from .curve import BASE_CURVE, CURVE, expected
from .matching import Settings, part

VISITED: Final = "release_batch:inferfleet_load_visited:sum"
SUPPORT: Final = "release_batch:inferfleet_matched_support:info"
EXPECTED: Final = "target_batch:inferfleet_matched_expected:rate"
ACTUAL: Final = "target_batch:inferfleet_matched_actual:rate"
INDEX: Final = "target:inferfleet_matched_index:ln"
PLAIN: Final = "target:inferfleet_matched_plain:ln"
OWN: Final = "target:inferfleet_matched_own:ln"
SHIFT: Final = "target:inferfleet_matched_shift:ln"
COMPARED: Final = "release:inferfleet_compared:info"

LEAST_WINDOWS: Final = 12
LEAST_OWN_WINDOWS: Final = 24


def _seen(of: str) -> str:
    return part(SEEN, of)


def _fair(settings: Settings, coefficient: Callable[[str], str], cell: str) -> str:
    """Expected time of a unit, where prefill and context are such as the curve has seen."""
    key = settings.group("target", "release", "batch", "queue", "measure")
    found = f"({expected(coefficient, cell)} > 0)"
    for of in ("p", "c"):
        low, high = (coefficient(f"{of}_{end}") for end in ("low", "high"))
        found += (
            f"\nand on {key} (({_seen(of)} >= on {cell} group_left () {low})"
            f" <= on {cell} group_left () {high})"
        )
    return found


def observed(settings: Settings) -> list[Record]:
    """Return the rules that set a window's observations against the baseline's curve."""
    cell = settings.group("batch", "queue", "measure")
    mine = settings.group("release", "batch", "queue", "measure")
    key = settings.group("target", "release", "batch", "queue", "measure")
    release, group = settings.group("release"), settings.group()
    base = partial(part, BASE_CURVE)
    candidates = f"(count by {group} ({_seen('w')} and on {release} {CANDIDATE}))"
    return [
        Record(record=VISITED, expr=f"sum by {mine} ({_seen('w')})"),
        Record(
            record=COMPARED,
            expr=f"group by {release} ({CANDIDATE}) or ({BASELINE} and on {group} {candidates})",
        ),
        Record(
            record=SUPPORT,
            expr=f"group by {mine} (sum_over_time({VISITED}[{settings.after}])"
            f" * {settings.cell_share:g} <= on {cell} group_left () {base('w')})"
            f" and on {release} {COMPARED}",
        ),
        Record(
            record=EXPECTED,
            expr=f"(\n{_fair(settings, base, cell)}\nand on {mine} {SUPPORT}\n)"
            f" * on {key} {_seen('g')}",
        ),
        Record(
            record=ACTUAL,
            expr=f"({_seen('y')} * on {key} {_seen('g')}) and on {key} {EXPECTED}",
        ),
        *plain(settings),
        Record(record=INDEX, expr=_index(settings, EXPECTED, ACTUAL)
            + f"\nor\n({PLAIN} and on {release} {COMPARED})"),
    ]


def plain(settings: Settings) -> list[Record]:
    """Return the measures that are a server's ratio, whatever the load."""
    target = settings.group("target", "release")
    window = settings.interval
    sums = [
        f"sum by {target} (rate({settings.metric(f'load_spec_{name}_tokens_total')}[{window}]))"
        for name in ("accepted", "draft")
    ]
    names = f"on ({', '.join((*settings.keep_labels, 'target'))})"
    local = 'cache="local"'
    by = f"sum by ({', '.join((*settings.keep_labels, 'target'))})"
    hits = [
        f"{by} (rate({settings.metric(f'prefix_cache_{name}_tokens_total', local)}[{window}]))"
        for name in ("hit", "queried")
    ]
    info = f"group by {target} ({settings.info()})"
    old = f"group by {target} ({RATE.format('seconds')})"
    return [
        Record(
            record=PLAIN,
            expr=f"ln({sums[0]} / ({sums[1]} > 0) > 0) and on {target} ({old})",
            labels={"measure": "speculation"},
        ),
        Record(
            record=PLAIN,
            expr=f"({info} * {names} group_left () ln({hits[0]} / ({hits[1]} > 0) > 0))"
            f" and on {target} ({old})",
            labels={"measure": "hit_ratio"},
        ),
    ]


def own(settings: Settings) -> list[Record]:
    """Return the rules that keep each server's own past while no newer release runs."""
    cell = settings.group("release", "batch", "queue", "measure")
    key = settings.group("target", "release", "batch", "queue", "measure")
    target = settings.group("target", "release", "measure")
    who = settings.group("release")

    def curve(of: str) -> str:
        return f"{part(CURVE, of)} @ end()"

    hat = f"({_fair(settings, curve, cell)})"
    done = f"({hat} * on {key} {_seen('g')})"
    spent = f"(({_seen('y')} * on {key} {_seen('g')}) and on {key} {hat})"
    span = f"[{settings.before}:{settings.step}]"
    enough = (
        f"(sum by {target} (sum_over_time({_seen('w')}[{settings.before}])) "
        f"> {LEAST_OWN_WINDOWS})"
    )
    held = f"and on {who} {FIRST_SEEN} unless on {who} {SUPERSEDED}"
    return [
        Record(
            record=OWN,
            expr=f"quantile_over_time(0.5, (\n{_index(settings, done, spent)}\n){span})\n"
            f"and on {target} {enough} {held}\nor\n"
            f"quantile_over_time(0.5, {PLAIN}[{settings.before}]) and on {target} "
            f"(count_over_time({PLAIN}[{settings.before}]) > {LEAST_OWN_WINDOWS}) {held}",
        ),
    ]


def shift(settings: Settings) -> list[Record]:
    """Return the rule that tells how far each server moved."""
    same = settings.group("target", "measure")
    group, who = settings.group("measure"), settings.group("release")
    target = settings.group("target", "release")
    now = (
        f"((quantile_over_time(0.5, {INDEX}[{settings.after}])"
        f" and count_over_time({INDEX}[{settings.after}]) >= {LEAST_WINDOWS})"
        f" and on {target} {settings.metric('server_info')} and on {who} {COMPARED})"
    )
    past = f"sum without (release) (last_over_time({OWN}[{settings.keep}]) and on {who} {BASELINE})"
    return [
        Record(record=PAST, expr=past),
        Record(
            record=SHIFT,
            expr=f"({now} - on {same} group_left () {PAST})\nor\n"
            f"({now} - on {group} group_left () avg by {group} ({PAST}))",
        ),
    ]


PAST: Final = "target:inferfleet_matched_past:ln"


def _index(settings: Settings, done: str, spent: str) -> str:
    target = settings.group("target", "release", "measure")
    return f"ln(sum by {target} ({done}) / sum by {target} ({spent}))"
