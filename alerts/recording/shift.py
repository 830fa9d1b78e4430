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
from ..promql import union, with_term
from .baseline import BASELINE, CANDIDATE, while_newest
from .cells import OBSERVATION, RATE
from .curve import BASE_CURVE, CURVE, OWN, expected
from .settings import Settings

VISITED: Final = "release_batch:inferfleet_load_visited:sum"
SUPPORT: Final = "release_batch:inferfleet_matched_support:info"
EXPECTED: Final = "target_batch:inferfleet_matched_expected:rate"
ACTUAL: Final = "target_batch:inferfleet_matched_actual:rate"
INDEX: Final = "target:inferfleet_matched_index:ln"
PLAIN: Final = "target:inferfleet_matched_plain:ln"
EARLIER: Final = "target:inferfleet_matched_earlier:ln"
TILT: Final = "release:inferfleet_matched_tilt:ratio"
PAST: Final = "target:inferfleet_matched_past:ln"
SHIFT: Final = "target:inferfleet_matched_shift:ln"
COMPARED: Final = "release:inferfleet_compared:info"

LEAST_WINDOWS: Final = 12
LEAST_OWN_WINDOWS: Final = 24
LEAST_TOGETHER: Final = 30

FAIR: Final = "target_batch:inferfleet_matched_fair:rate"
_TOGETHER: Final = "release:inferfleet_matched_together:product"

# least variance of a release's mean ln(batch) its tilt is divided by: a steady load has no slope
_RIDGE: Final = 0.01


def _observed(term: str) -> str:
    return with_term(OBSERVATION, term)


def _fair(settings: Settings, coefficient: Callable[[str], str], cell: str) -> str:
    """Expected time of a unit, where prefill and context are such as the curve has seen."""
    key = settings.labels("target", "release", "batch", "queue", "measure")
    time = f"({expected(coefficient, cell)} > 0)"
    for term in ("p", "c"):
        low, high = (coefficient(f"{term}_{end}") for end in ("low", "high"))
        time += (
            f"\nand on {key} (({_observed(term)} >= on {cell} group_left () {low})"
            f" <= on {cell} group_left () {high})"
        )
    return time


def observed(settings: Settings) -> list[Record]:
    """Return the rules that set a window's observations against the baseline's curve."""
    cell = settings.labels("batch", "queue", "measure")
    release_cell = settings.labels("release", "batch", "queue", "measure")
    key = settings.labels("target", "release", "batch", "queue", "measure")
    release, group = settings.labels("release"), settings.labels()
    base = partial(with_term, BASE_CURVE)
    candidates = f"(count by {group} ({_observed('w')} and on {release} {CANDIDATE}))"
    return [
        # of the baseline's servers as well: those beside are judged over the same cells
        Record(record=VISITED, expr=f"sum by {release_cell} ({_observed('w')})"),
        Record(
            record=COMPARED,
            expr=f"group by {release} ({CANDIDATE}) or ({BASELINE} and on {group} {candidates})",
        ),
        Record(
            record=SUPPORT,
            expr=f"group by {release_cell} (sum_over_time({VISITED}[{settings.after}])"
            f" * {settings.cell_share:g} <= on {cell} group_left () {base('w')})"
            f" and on {release} {COMPARED}",
        ),
        Record(
            record=EXPECTED,
            expr=f"(\n{_fair(settings, base, cell)}\nand on {release_cell} {SUPPORT}\n)"
            f" * on {key} {_observed('g')}",
        ),
        Record(
            record=ACTUAL,
            expr=f"({_observed('y')} * on {key} {_observed('g')}) and on {key} {EXPECTED}",
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
    target = settings.labels("target", "release")
    window = settings.interval
    sums = [
        f"sum by {target} (rate({settings.metric(f'load_spec_{name}_tokens_total')}[{window}]))"
        for name in ("accepted", "draft")
    ]
    server = settings.target_labels()
    counters = (
        settings.metric(f"prefix_cache_{name}_tokens_total", 'cache="local"')
        for name in ("hit", "queried")
    )
    hits = [f"sum by {server} (rate({counter}[{window}]))" for counter in counters]
    info = f"group by {target} ({settings.info()})"
    # without a cell there is no observation: the warm-up leaves these measures out with the others
    judged = f"group by {target} ({RATE.format('seconds')})"
    return [
        Record(
            record=PLAIN,
            expr=f"ln({sums[0]} / ({sums[1]} > 0) > 0) and on {target} ({judged})",
            labels={"measure": "speculation"},
        ),
        Record(
            record=PLAIN,
            expr=f"({info} * on {server} group_left () ln({hits[0]} / ({hits[1]} > 0) > 0))"
            f" and on {target} ({judged})",
            labels={"measure": "hit_ratio"},
        ),
    ]


def earlier(settings: Settings) -> list[Record]:
    """Return the rules that set every server against its own release's curve, as it is by then.

    With them the release's mean load and index, whose products tell how one moves with the other.
    """
    cell = settings.labels("release", "batch", "queue", "measure")
    key = settings.labels("target", "release", "batch", "queue", "measure")
    release = settings.labels("release", "measure")

    def curve(term: str) -> str:
        return f"last_over_time({with_term(CURVE, term)}[{settings.keep}])"

    hat = f"({_fair(settings, curve, cell)})"
    weighted = f"{_observed('w')} * on {key} {_observed('z')}"
    load = f"sum by {release} ({weighted}) / sum by {release} ({_observed('w')})"
    index = f"quantile by {release} (0.5, {EARLIER})"
    return [
        Record(record=FAIR, expr=f"{hat} * on {key} {_observed('g')}"),
        Record(
            record=EARLIER,
            expr=_index(
                settings,
                FAIR,
                f"({_observed('y')} * on {key} {_observed('g')}) and on {key} {FAIR}",
            ),
        ),
        Record(record=_TOGETHER, expr=f"{load} and on {release} {index}", labels={"term": "x"}),
        Record(record=_TOGETHER, expr=index, labels={"term": "v"}),
        *(
            Record(
                record=_TOGETHER,
                expr=f"{with_term(_TOGETHER, a)} * on {release} {with_term(_TOGETHER, b)}",
                labels={"term": a + b},
            )
            for a, b in ("xx", "xv")
        ),
    ]


def own(settings: Settings) -> list[Record]:
    """Return the rules that keep each server's own past while no newer release runs.

    The tilt is what matching by batch leaves: a slow moment fills the batch, so that full batches
    hold more slow moments; it is the slope of the release's median index over its mean load.
    """
    release, newest = settings.labels("release", "measure"), while_newest(settings)
    before = settings.before

    def mean(term: str) -> str:
        return f"avg_over_time({with_term(_TOGETHER, term)}[{before}])"

    covariance = f"({mean('xv')} - on {release} ({mean('x')} * on {release} {mean('v')}))"
    variance = f"({mean('xx')} - on {release} ({mean('x')} ^ 2) + {_RIDGE:g})"
    enough = f"count_over_time({with_term(_TOGETHER, 'x')}[{before}]) >= {LEAST_TOGETHER}"
    pasts = [
        f"(quantile_over_time(0.5, {index}[{before}]) and "
        f"count_over_time({index}[{before}]) > {LEAST_OWN_WINDOWS})"
        for index in (EARLIER, PLAIN)
    ]
    return [
        Record(record=OWN, expr=f"({union(pasts)}) {newest}"),
        Record(
            record=TILT,
            expr=f"({covariance} / on {release} {variance} and on {release} {enough}) {newest}",
        ),
    ]


def shift(settings: Settings) -> list[Record]:
    """Return the rules of each server's own past, and of how far it moved from it."""
    server = settings.labels("target", "measure")
    group, release = settings.labels("measure"), settings.labels("release")
    target = settings.labels("target", "release")
    now = (
        f"((quantile_over_time(0.5, {INDEX}[{settings.after}])"
        f" and count_over_time({INDEX}[{settings.after}]) >= {LEAST_WINDOWS})"
        f" and on {target} {settings.metric('server_info')} and on {release} {COMPARED})"
    )
    # a server without a past of its own is set against the mean of those that have one
    kept = f"last_over_time({OWN}[{settings.keep}])"
    past = f"sum without (release) ({kept} and on {release} {BASELINE})"
    return [
        Record(record=PAST, expr=past),
        Record(
            record=SHIFT,
            expr=f"({now} - on {server} group_left () {PAST})\nor\n"
            f"({now} - on {group} group_left () avg by {group} ({PAST}))",
        ),
    ]


def _index(settings: Settings, expected_time: str, actual_time: str) -> str:
    target = settings.labels("target", "release", "measure")
    return f"ln(sum by {target} ({expected_time}) / sum by {target} ({actual_time}))"
