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
from ..promql import series, union, with_term
from .baseline import BASELINE, while_newest
from .cells import OBSERVATION
from .settings import Settings

MOMENT: Final = "release_batch:inferfleet_load_moment:sum"
CURVE: Final = "release_batch:inferfleet_load_curve:coefficient"
BASE_CURVE: Final = "class_batch:inferfleet_load_curve:coefficient"
WEIGHT: Final = "target_batch:inferfleet_load_fit:weight"
TIME: Final = "target_batch:inferfleet_load_fit:time"
RESIDUAL: Final = "target_batch:inferfleet_load_residual:ln"
OWN: Final = "target:inferfleet_matched_own:ln"
LOAD: Final = "release:inferfleet_load_curve:batch_ln"
_SUM: Final = "release_batch:inferfleet_load_moment:sum_over_time"
_MEAN: Final = "release_batch:inferfleet_load_moment:mean"
_SPREAD: Final = "release_batch:inferfleet_load_moment:spread"
_NORMAL: Final = "release:inferfleet_load_normal:sum"
_SLOPE: Final = "release:inferfleet_load_slope:ratio"

_FIRST: Final = ("y", "z", "p", "c")
_SECOND: Final = ("zz", "zp", "zc", "pp", "pc", "cc", "yz", "yp", "yc")

RIDGE: Final = 1e-4
"""Least variance of ln(batch) a cell is given, as a share of its weight: a full batch has none."""


def moments(settings: Settings) -> list[Record]:
    """Return the rules that sum a window's observations over servers."""
    cell = settings.labels("release", "batch", "queue", "measure")
    key = settings.labels("target", "release", "batch", "queue", "measure")
    release = settings.labels("release", "measure")
    target = settings.labels("target", "release", "measure")

    def latest(term: str) -> str:
        return f"last_over_time({with_term(CURVE, term)}[{settings.keep}])"

    # a slow server runs fuller batches: its own pace is taken out, or it would bend the curve
    past = f"exp(last_over_time({OWN}[{settings.keep}]))"
    time = f"({_observed('y')} * on {target} group_left () {past}) or {_observed('y')}"
    residual = f"ln({TIME} / on {key} ({expected(latest, cell)} > 0))"
    # off the release's typical window, not off the curve: all of them may have moved
    typical = f"quantile by {release} (0.5, {RESIDUAL})"
    off = f"abs({RESIDUAL} - on {release} group_left () {typical}) > {settings.trim:g}"
    rules = [
        Record(record=TIME, expr=f"sum without (term) ({time})"),
        Record(record=RESIDUAL, expr=residual),
        # without a curve yet there is no residual, and every window counts
        Record(
            record=WEIGHT,
            expr=f"sum without (term) ({_observed('w')}) unless on {key} ({off})",
        ),
        Record(record=MOMENT, expr=f"sum by {cell} ({WEIGHT})", labels={"term": "w"}),
    ]
    for term in (*_FIRST, *_SECOND):
        factors = (TIME if factor == "y" else _observed(factor) for factor in term)
        product = f" * on {key} ".join((WEIGHT, *factors))
        rules.append(
            Record(record=MOMENT, expr=f"sum by {cell} ({product})", labels={"term": term})
        )
    return rules


def expected(coefficient: Callable[[str], str], cell: str) -> str:
    """Return the time a unit of work takes by a curve, for each observation that stands.

    `coefficient` gives the expression of one of the curve's, `cell` the labels they share.
    """
    parts = [f"({_observed(term)} * on {cell} group_left () {coefficient(term)})" for term in "zpc"]
    total = " + ignoring (term) ".join(parts)
    return f"(({total}) + on {cell} group_left () {coefficient('level')})"


def _observed(term: str) -> str:
    return with_term(OBSERVATION, term)


def fit(settings: Settings) -> list[Record]:
    """Return the rules that fit each release's curve.

    Weighted least squares by the sums `moments` records: within each cell `z` is swept out of
    what is left, the normal equations of `p` and `c` are summed over cells, each divided by its
    mean time squared so that no cell outweighs others by its level, and solved once a release.
    """
    cell = settings.labels("release", "batch", "queue", "measure")
    release = settings.labels("release", "measure")
    # in windows of one server
    least = settings.cell_time / settings.window

    def total(term: str) -> str:
        return with_term(_SUM, term)

    def mean(term: str) -> str:
        return with_term(_MEAN, term)

    def spread(term: str) -> str:
        return with_term(_SPREAD, term)

    def slope(term: str) -> str:
        return with_term(_SLOPE, term)

    def over(op: str, *sides: str) -> str:
        return f" {op} on {cell} ".join(sides)

    def by_slope(term: str, factor: str) -> str:
        return f"({factor} * on {release} group_left () {slope(term)})"

    firsts = series(_SUM, 'term=~"y|z|p|c"')
    rules = [
        Record(
            record=_SUM,
            expr=f"sum_over_time({MOMENT}[{settings.before}]) and on {cell} "
            f"(sum_over_time({with_term(MOMENT, 'w')}[{settings.before}]) > {least:g})",
        ),
        Record(
            record=_MEAN,
            expr=f"{firsts} / on {cell} group_left () {total('w')}",
        ),
    ]
    for term in _SECOND:
        a, b = term[0], term[1]
        product = over("*", total("w"), mean(a), mean(b))
        rules.append(
            Record(
                record=_SPREAD,
                expr=over("-", total(term), f"({product})"),
                labels={"term": term},
            )
        )
    ridge = f"({total('w')} * {RIDGE:g})"
    steady = f"({over('+', spread('zz'), ridge)})"
    for term in ("pp", "pc", "cc", "yp", "yc"):
        a, b = term[0], term[1]
        first = "yz" if a == "y" else f"z{a}"
        product = over("*", spread(first), spread(f"z{b}"))
        within = over("-", spread(term), f"({over('/', product, steady)})")
        scaled = over("/", f"({within})", f"({mean('y')} ^ 2)")
        # so that what is never told (a context of 0 throughout) gets the slope 0, not 0/0
        extra = " + 1e-12" if term in ("pp", "cc") else ""
        rules.append(
            Record(
                record=_NORMAL, expr=f"sum by {release} ({scaled}){extra}", labels={"term": term}
            )
        )
    rules += [
        Record(record=_SLOPE, expr=_slope(settings, term), labels={"term": term}) for term in "pc"
    ]
    batch = (
        f"(({over('-', spread('yz'), by_slope('p', spread('zp')), by_slope('c', spread('zc')))})"
        f" / on {cell} {steady})"
    )
    coefficients = {
        "z": batch,
        # the slopes are a release's: times 0, `y` spreads them over its cells
        "p": f"(({mean('y')} * 0) + on {release} group_left () {slope('p')})",
        "c": f"(({mean('y')} * 0) + on {release} group_left () {slope('c')})",
        "w": total("w"),
    }
    for term in "pc":
        variance = over("/", f"clamp_min({spread(term * 2)}, 0)", total("w"))
        width = f"(sqrt({variance}) * {settings.spread:g} + 1e-9)"
        coefficients[f"{term}_low"] = over("-", mean(term), width)
        coefficients[f"{term}_high"] = over("+", mean(term), width)
    coefficients["level"] = over(
        "-",
        mean("y"),
        f"({over('*', mean('z'), with_term(CURVE, 'z'))})",
        by_slope("p", mean("p")),
        by_slope("c", mean("c")),
    )
    newest = while_newest(settings)
    rules += [
        Record(record=CURVE, expr=f"sum by {cell} ({expr}) {newest}", labels={"term": term})
        for term, expr in coefficients.items()
    ]
    load = f"sum by {release} ({total('z')}) / sum by {release} ({total('w')})"
    return [*rules, Record(record=LOAD, expr=f"{load} {newest}")]


def of_baseline(settings: Settings) -> Record:
    """Return the rule that keeps the baseline's curve after its release is gone.

    A group has one baseline: without its name the curve joins whatever release is set against it.
    """
    return Record(
        record=BASE_CURVE,
        expr=f"sum without (release) (last_over_time({CURVE}[{settings.keep}])"
        f" and on {settings.labels('release')} {BASELINE})",
    )


def _slope(settings: Settings, term: str) -> str:
    """Two unknowns by Cramer's rule; where one comes out negative it is 0, the other alone."""
    release = settings.labels("release", "measure")

    def normal(term: str) -> str:
        return with_term(_NORMAL, term)

    def times(a: str, b: str) -> str:
        return f"{normal(a)} * on {release} {normal(b)}"

    determinant = f"({times('pp', 'cc')} - on {release} ({normal('pc')} ^ 2))"
    numerators = {
        "p": f"({times('yp', 'cc')} - on {release} ({times('yc', 'pc')}))",
        "c": f"({times('yc', 'pp')} - on {release} ({times('yp', 'pc')}))",
    }
    other = "c" if term == "p" else "p"
    alone = f"({normal('y' + term)} / on {release} {normal(term * 2)})"
    solved = f"({numerators[term]} / on {release} ({determinant} > 0))"
    agree = f"(({numerators[other]} >= 0) and on {release} ({numerators[term]} >= 0))"
    return f"clamp_min({union([f'({solved} and on {release} {agree})', alone])}, 0)"
