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
from .curve import BASE_CURVE, CURVE, OWN, expected
from .settings import Settings, either, part

VISITED: Final = "release_batch:inferfleet_load_visited:sum"
SUPPORT: Final = "release_batch:inferfleet_matched_support:info"
EXPECTED: Final = "target_batch:inferfleet_matched_expected:rate"
ACTUAL: Final = "target_batch:inferfleet_matched_actual:rate"
INDEX: Final = "target:inferfleet_matched_index:ln"
PLAIN: Final = "target:inferfleet_matched_plain:ln"
EARLIER: Final = "target:inferfleet_matched_earlier:ln"
TILT: Final = "release:inferfleet_matched_tilt:ratio"
SHIFT: Final = "target:inferfleet_matched_shift:ln"
COMPARED: Final = "release:inferfleet_compared:info"

LEAST_WINDOWS: Final = 12
LEAST_OWN_WINDOWS: Final = 24
LEAST_TOGETHER: Final = 30

FAIR: Final = "target_batch:inferfleet_matched_fair:rate"
_TOGETHER: Final = "release:inferfleet_matched_together:product"

# least variance of a release's mean ln(batch) its tilt is divided by: a steady load has no slope
_RIDGE: Final = 0.01


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
        Record(
            record=INDEX,
            expr=_index(settings, EXPECTED, ACTUAL)
            + f"\nor\n({PLAIN} and on {release} {COMPARED})",
        ),
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


def earlier(settings: Settings) -> list[Record]:
    """Return the rules that set every server against its own release's curve, as it is by then.

    With them the release's mean load and index, whose products tell how one moves with the other.
    """
    cell = settings.group("release", "batch", "queue", "measure")
    key = settings.group("target", "release", "batch", "queue", "measure")
    release = settings.group("release", "measure")

    def curve(of: str) -> str:
        return f"last_over_time({part(CURVE, of)}[{settings.keep}])"

    hat = f"({_fair(settings, curve, cell)})"
    load = (
        f"sum by {release} ({_seen('w')} * on {key} {_seen('z')}) / sum by {release} ({_seen('w')})"
    )
    index = f"quantile by {release} (0.5, {EARLIER})"
    return [
        Record(record=FAIR, expr=f"{hat} * on {key} {_seen('g')}"),
        Record(
            record=EARLIER,
            expr=_index(
                settings,
                FAIR,
                f"({_seen('y')} * on {key} {_seen('g')}) and on {key} {FAIR}",
            ),
        ),
        Record(record=_TOGETHER, expr=f"{load} and on {release} {index}", labels={"of": "x"}),
        Record(record=_TOGETHER, expr=index, labels={"of": "v"}),
        *(
            Record(
                record=_TOGETHER,
                expr=f"{part(_TOGETHER, a)} * on {release} {part(_TOGETHER, b)}",
                labels={"of": a + b},
            )
            for a, b in ("xx", "xv")
        ),
    ]


def own(settings: Settings) -> list[Record]:
    """Return the rules that keep each server's own past while no newer release runs.

    The tilt is what matching by batch leaves: a slow moment fills the batch, so that full batches
    hold more slow moments; it is the slope of the release's median index over its mean load.
    """
    release, who = settings.group("release", "measure"), settings.group("release")
    before = settings.before
    held = f"and on {who} {FIRST_SEEN} unless on {who} {SUPERSEDED}"

    def mean(of: str) -> str:
        return f"avg_over_time({part(_TOGETHER, of)}[{before}])"

    covariance = f"({mean('xv')} - on {release} ({mean('x')} * on {release} {mean('v')}))"
    variance = f"({mean('xx')} - on {release} ({mean('x')} ^ 2) + {_RIDGE:g})"
    enough = f"count_over_time({part(_TOGETHER, 'x')}[{before}]) >= {LEAST_TOGETHER}"
    pasts = [
        f"(quantile_over_time(0.5, {one}[{before}]) and "
        f"count_over_time({one}[{before}]) > {LEAST_OWN_WINDOWS})"
        for one in (EARLIER, PLAIN)
    ]
    return [
        Record(record=OWN, expr=f"({either(pasts)}) {held}"),
        Record(
            record=TILT,
            expr=f"({covariance} / on {release} {variance} and on {release} {enough}) {held}",
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
