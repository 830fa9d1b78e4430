"""The time a unit of work takes on a release, as a curve over the batch: its own, free in shape.

In each cell time is linear in the logarithm of the batch, with the cell's own level and slope, and
in prefill and context with slopes common to the cells: least squares over all servers' windows,
each divided by its cell's mean and, where a server's own pace is known, by that (slow servers run
fuller batches, which would bend the curve). Windows far from the curve so far, such as those of a
noisy neighbour, are left out. A curve is fitted only while no newer release runs, so that both
sides of a comparison are read off the same one.
"""

from collections.abc import Callable
from typing import Final

from ..model import Record
from .baseline import BASELINE, FIRST_SEEN, SUPERSEDED
from .cells import SEEN
from .settings import Settings, either, part, pick

MOMENT: Final = "release_batch:inferfleet_load_moment:sum"
_SUM: Final = "release_batch:inferfleet_load_moment:sum_over_time"
_MEAN: Final = "release_batch:inferfleet_load_moment:mean"
_SPREAD: Final = "release_batch:inferfleet_load_moment:spread"
_NORMAL: Final = "release:inferfleet_load_normal:sum"
_SLOPE: Final = "release:inferfleet_load_slope:ratio"
CURVE: Final = "release_batch:inferfleet_load_curve:coefficient"
BASE_CURVE: Final = "class_batch:inferfleet_load_curve:coefficient"
WEIGHT: Final = "target_batch:inferfleet_load_fit:weight"
TIME: Final = "target_batch:inferfleet_load_fit:time"
OWN: Final = "target:inferfleet_matched_own:ln"
LOAD: Final = "release:inferfleet_load_curve:batch_ln"

_FIRST: Final = ("y", "z", "p", "c")
_SECOND: Final = ("zz", "zp", "zc", "pp", "pc", "cc", "yz", "yp", "yc")
# least variance of ln(batch) a cell is given, as a share of its weight: a full batch has none
_RIDGE: Final = 1e-4


def moments(settings: Settings) -> list[Record]:
    """Return the rules that sum a window's observations over servers."""
    cell = settings.group("release", "batch", "queue", "measure")
    key = settings.group("target", "release", "batch", "queue", "measure")
    release = settings.group("release", "measure")

    def own(of: str) -> str:
        return f"last_over_time({part(CURVE, of)}[{settings.keep}])"

    target = settings.group("target", "release", "measure")
    past = f"exp(last_over_time({OWN}[{settings.keep}]))"
    time = f"({_seen('y')} * on {target} group_left () {past}) or {_seen('y')}"
    residual = f"ln({TIME} / on {key} ({expected(own, cell)} > 0))"
    typical = f"quantile by {release} (0.5, {RESIDUAL})"
    off = f"abs({RESIDUAL} - on {release} group_left () {typical}) > {settings.trim:g}"
    found = [
        Record(record=TIME, expr=f"sum without (of) ({time})"),
        Record(record=RESIDUAL, expr=residual),
        Record(
            record=WEIGHT,
            expr=f"sum without (of) ({_seen('w')}) unless on {key} ({off})",
        ),
        Record(record=MOMENT, expr=f"sum by {cell} ({WEIGHT})", labels={"of": "w"}),
    ]
    for of in (*_FIRST, *_SECOND):
        product = f" * on {key} ".join(
            (WEIGHT, *(TIME if one == "y" else _seen(one) for one in of))
        )
        found.append(Record(record=MOMENT, expr=f"sum by {cell} ({product})", labels={"of": of}))
    return found


RESIDUAL: Final = "target_batch:inferfleet_load_residual:ln"


def expected(coefficient: Callable[[str], str], cell: str) -> str:
    """Return the time a unit of work takes by a curve, for each observation that stands.

    `coefficient` gives the expression of one of the curve's, `cell` the labels they share.
    """
    parts = [f"({_seen(of)} * on {cell} group_left () {coefficient(of)})" for of in ("z", "p", "c")]
    return f"(({' + ignoring (of) '.join(parts)}) + on {cell} group_left () {coefficient('level')})"


def _seen(of: str) -> str:
    return part(SEEN, of)


def fit(settings: Settings) -> list[Record]:
    """Return the rules that fit each release's curve, and pick the baseline's."""
    cell = settings.group("release", "batch", "queue", "measure")
    release = settings.group("release", "measure")
    who = settings.group("release")
    least = settings.cell_time / settings.window

    def total(of: str) -> str:
        return part(_SUM, of)

    def mean(of: str) -> str:
        return part(_MEAN, of)

    def spread(of: str) -> str:
        return part(_SPREAD, of)

    def over(op: str, *sides: str) -> str:
        return f" {op} on {cell} ".join(sides)

    firsts = pick(_SUM, 'of=~"y|z|p|c"')
    found = [
        Record(
            record=_SUM,
            expr=f"sum_over_time({MOMENT}[{settings.before}]) and on {cell} "
            f"(sum_over_time({part(MOMENT, 'w')}[{settings.before}]) > {least:g})",
        ),
        Record(
            record=_MEAN,
            expr=f"{firsts} / on {cell} group_left () {total('w')}",
        ),
    ]
    for of in _SECOND:
        a, b = of[0], of[1]
        found.append(
            Record(
                record=_SPREAD,
                expr=over("-", total(of), f"({over('*', total('w'), mean(a), mean(b))})"),
                labels={"of": of},
            )
        )
    ridge = f"({total('w')} * {_RIDGE:g})"
    steady = f"({over('+', spread('zz'), ridge)})"
    for of in ("pp", "pc", "cc", "yp", "yc"):
        a, b = of[0], of[1]
        first = "yz" if a == "y" else f"z{a}"
        product = over("*", spread(first), spread(f"z{b}"))
        within = over("-", spread(of), f"({over('/', product, steady)})")
        scaled = over("/", f"({within})", f"({mean('y')} ^ 2)")
        # so that what is never told (a context of 0 throughout) gets the slope 0, not 0/0
        extra = " + 1e-12" if of in ("pp", "cc") else ""
        found.append(
            Record(record=_NORMAL, expr=f"sum by {release} ({scaled}){extra}", labels={"of": of})
        )
    found += [
        Record(record=_SLOPE, expr=_slope(settings, of), labels={"of": of}) for of in ("p", "c")
    ]

    def slope(of: str) -> str:
        return part(_SLOPE, of)

    def by_slope(of: str, term: str) -> str:
        return f"({term} * on {release} group_left () {slope(of)})"

    batch = (
        f"(({over('-', spread('yz'), by_slope('p', spread('zp')), by_slope('c', spread('zc')))})"
        f" / on {cell} {steady})"
    )
    finals = {
        "z": batch,
        "p": f"(({mean('y')} * 0) + on {release} group_left () {slope('p')})",
        "c": f"(({mean('y')} * 0) + on {release} group_left () {slope('c')})",
        "w": total("w"),
    }
    for of in ("p", "c"):
        variance = over("/", f"clamp_min({spread(of * 2)}, 0)", total("w"))
        wide = f"(sqrt({variance}) * {settings.spread:g} + 1e-9)"
        finals[f"{of}_low"] = over("-", mean(of), wide)
        finals[f"{of}_high"] = over("+", mean(of), wide)
    held = f"and on {who} {FIRST_SEEN} unless on {who} {SUPERSEDED}"
    for of, expr in finals.items():
        found.append(Record(record=CURVE, expr=f"sum by {cell} ({expr}) {held}", labels={"of": of}))
    level = over(
        "-",
        mean("y"),
        f"({over('*', mean('z'), part(CURVE, 'z'))})",
        by_slope("p", mean("p")),
        by_slope("c", mean("c")),
    )
    found.append(
        Record(record=CURVE, expr=f"sum by {cell} ({level}) {held}", labels={"of": "level"})
    )
    found.append(
        Record(
            record=LOAD,
            expr=f"sum by {release} ({total('z')}) / sum by {release} ({total('w')}) {held}",
        )
    )
    return found


def of_baseline(settings: Settings) -> Record:
    """Return the rule that keeps the baseline's curve after its release is gone."""
    who = settings.group("release")
    return Record(
        record=BASE_CURVE,
        expr=f"sum without (release) (last_over_time({CURVE}[{settings.keep}])"
        f" and on {who} {BASELINE})",
    )


def _slope(settings: Settings, of: str) -> str:
    """Two unknowns by Cramer's rule; where one comes out negative it is 0, the other alone."""
    release = settings.group("release", "measure")

    def normal(name: str) -> str:
        return part(_NORMAL, name)

    def times(a: str, b: str) -> str:
        return f"{normal(a)} * on {release} {normal(b)}"

    determinant = f"({times('pp', 'cc')} - on {release} ({normal('pc')} ^ 2))"
    both = {
        "p": f"({times('yp', 'cc')} - on {release} ({times('yc', 'pc')}))",
        "c": f"({times('yc', 'pp')} - on {release} ({times('yp', 'pc')}))",
    }
    other = "c" if of == "p" else "p"
    alone = f"({normal('y' + of)} / on {release} {normal(of * 2)})"
    solved = f"({both[of]} / on {release} ({determinant} > 0))"
    agree = f"(({both[other]} >= 0) and on {release} ({both[of]} >= 0))"
    return f"clamp_min({either([f'({solved} and on {release} {agree})', alone])}, 0)"
