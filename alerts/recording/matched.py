"""The verdict on a release at equal load, as recording rules.

For each candidate release: the mean shift of its servers, less that of servers still on the
baseline; the server is the unit, so the interval is from the spread between servers, and a floor
from comparing versions with themselves. docs/regressions.md tells the method for users.
"""

from collections.abc import Mapping
from typing import Final

from exporter.base.units import parse_duration
from exporter.vocabulary.verdict import Measure, Reason, Verdict

from ..model import Group, Record
from ..promql import series, union, with_term
from ..values import Values
from . import baseline, cells, curve, meanings, naive, shift
from .baseline import BASELINE, CANDIDATE, CHANGED, with_baseline
from .curve import BASE_CURVE, LOAD
from .settings import Settings
from .shift import ACTUAL, EXPECTED, INDEX, PAST, SHIFT, SUPPORT, TILT, VISITED

PREFIX: Final = "release:inferfleet_matched_load:"
PER_BATCH: Final = "release_batch:inferfleet_matched_load:"
ALWAYS_JUDGED: Final[tuple[Measure, ...]] = ("decode", "prefill", "time_to_first_token")

LEAST_DF: Final = 3

_SIDE: Final = "release:inferfleet_matched_side:"
_LN: Final = f"{PREFIX}ln"
_DF: Final = f"{PREFIX}degrees_of_freedom"
_MEASURE: Final = "release:inferfleet_matched_measure:info"
_CHANGED_MEASURE: Final = "release:inferfleet_class_changed_measure:info"
_SHARE: Final = "release:inferfleet_matched_work:"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rule groups, in the order they build on one another."""
    more = {"selector": values.selector, "keep_labels": values.keep_labels}
    return groups_for(values.matched.model_copy(update=more))


def groups_for(settings: Settings) -> tuple[Group, ...]:
    """Return the rule groups of given settings."""
    return (
        Group(
            name="inferfleet-matched-load",
            interval=settings.interval,
            rules=(
                *cells.records(settings),
                *baseline.records(settings),
                *meanings.records(settings),
                *curve.moments(settings),
                curve.of_baseline(settings),
                *shift.observed(settings),
                *shift.earlier(settings),
                *naive.sides(settings),
                *shift.shift(settings),
                *verdict(settings),
                *naive.ratios(settings),
            ),
        ),
        Group(
            name="inferfleet-matched-load-curves",
            interval=settings.curve_interval,
            rules=(*curve.fit(settings), *shift.own(settings), *naive.kept(settings)),
        ),
    )


def verdict(settings: Settings) -> list[Record]:
    """Return the published series: estimate, interval, what they rest on, and the verdict."""
    key = settings.labels("release", "measure")
    return [
        *_sides(settings),
        *_basis(settings),
        *_estimate(settings),
        *_per_batch(settings),
        Record(record=_MEASURE, expr=_measures(settings)),
        Record(record=_CHANGED_MEASURE, expr=union(_always(CHANGED))),
        *_reasons(settings, key),
        *_verdicts(settings, key),
    ]


def _of_candidates(settings: Settings, expr: str) -> str:
    return f"({expr} and on {settings.labels('release')} {CANDIDATE})"


def _of_controls(settings: Settings, name: str) -> str:
    """Return a side's figure for the servers still on the baseline, two of them at least.

    Without their release, as each candidate of the group is set against the same controls.
    """
    key, release = settings.labels("release", "measure"), settings.labels("release")
    several = f"({_SIDE}{name} and on {key} ({_SIDE}count >= 2))"
    return f"sum without (release) ({several} and on {release} {BASELINE})"


def _sides(settings: Settings) -> list[Record]:
    key = settings.labels("release", "measure")
    return [
        Record(record=f"{_SIDE}count", expr=f"count by {key} ({SHIFT})"),
        Record(record=f"{_SIDE}mean", expr=f"avg by {key} ({SHIFT})"),
        Record(record=f"{_SIDE}variance", expr=f"stdvar by {key} ({SHIFT})"),
        Record(record=f"{_SIDE}past_variance", expr=_past_variance(settings)),
    ]


def _past_variance(settings: Settings) -> str:
    """Return the variance that servers without a past of their own bring in by the fleet's mean.

    Pods with new names may run on other machines than those whose mean they are set against, and
    how machines differ moves that mean too. Absent where each has its own past.
    """
    key, group = settings.labels("release", "measure"), settings.labels("measure")
    without = f"count by {key} ({SHIFT} unless on {settings.labels('target', 'measure')} {PAST})"
    of_mean = f"(stdvar by {group} ({PAST}) / (count by {group} ({PAST}) - 1 > 0))"
    return f"(({without}) / on {key} {_SIDE}count) ^ 2 * on {group} group_left () {of_mean}"


def _estimate(settings: Settings) -> list[Record]:
    group, key = settings.labels("measure"), settings.labels("release", "measure")
    release, named = settings.labels("release"), with_baseline(settings)
    n, mean, variance = (
        _of_candidates(settings, f"{_SIDE}{name}") for name in ("count", "mean", "variance")
    )
    m, control_mean, control_variance = (
        _of_controls(settings, name) for name in ("count", "mean", "variance")
    )
    to_controls = f"on {group} group_left ()"
    difference = f"({mean} - {to_controls} ({control_mean}))"
    degrees = f"({n} + {to_controls} ({m}) - 2)"
    # stdvar divides by n, not by n - 1: n times it is the sum of squares
    pooled = f"({n} * {variance} + {to_controls} (({m}) * ({control_variance})))"
    each = f"(1 / {n} + {to_controls} (1 / ({m})))"
    moved = f"{_SIDE}load_moved"
    alone = f"({settings.floor_alone**2:g} + {settings.floor_moved**2:g} * {moved} ^ 2)"
    # the first that exists: with controls, without, and of measures without a curve
    stderr = union(
        [
            f"sqrt({pooled} / ({degrees} > 0) * {each} + {settings.floor**2:g})",
            f"(sqrt({variance} / ({n} - 1 > 0) + on {key} {alone}) unless on {group} ({m}))",
            f"(sqrt({variance} / ({n} - 1 > 0) + {settings.floor_alone**2:g})"
            f" unless on {group} ({m}))",
        ]
    )
    own = f"{_SIDE}stderr"
    with_past_variance = union([f"sqrt({own} ^ 2 + on {key} {_SIDE}past_variance)", own])
    kept = (
        f"sum without (release) (last_over_time({{}}[{settings.keep}]) and on {release} {BASELINE})"
    )
    tilt, load = kept.format(TILT), kept.format(LOAD)
    tilted = f"({mean} - on {key} ({moved} * {to_controls} ({tilt})))"
    # PromQL has no quantile of t: its 97.5 % by an expansion in 1/df (Abramowitz and Stegun
    # 26.7.5), the last coefficient raised for the terms left out, is within 1 % from 3 df on
    critical = f"(1.96 + 2.4 / ({_DF} >= {LEAST_DF}) + 3.6 / ({_DF} >= {LEAST_DF}) ^ 2)"
    half = f"{critical} * {PREFIX}stderr"
    # 0 servers where there are none, for the reason of that name compares them with 0
    controls = f"(({n} * 0) + {to_controls} ({m}) or {n} * 0)"
    with_past = f"(({n} * 0) + {to_controls} (count by {group} ({PAST})) or {n} * 0)"
    return [
        Record(
            record=moved,
            expr=f"sum_over_time({_SHARE}load[{settings.after}]) / "
            f"sum_over_time({_SHARE}time[{settings.after}]) "
            f"- {to_controls} ({load}) and on {release} {CANDIDATE}",
        ),
        Record(record=_LN, expr=f"({union([difference, tilted, mean])}) {named}"),
        Record(record=_DF, expr=f"({union([degrees, f'({n} - 1)'])}) {named}"),
        Record(record=f"{_SIDE}stderr", expr=stderr),
        Record(record=f"{PREFIX}stderr", expr=f"({with_past_variance}) {named}"),
        Record(record=f"{PREFIX}ratio", expr=f"exp({_LN})"),
        Record(record=f"{PREFIX}lower", expr=f"exp({_LN} - {half})"),
        Record(record=f"{PREFIX}upper", expr=f"exp({_LN} + {half})"),
        *(
            Record(record=f"{PREFIX}servers", expr=f"{servers} {named}", labels={"side": side})
            for side, servers in (
                ("candidate", n),
                ("beside", controls),
                ("baseline", with_past),
            )
        ),
    ]


def _basis(settings: Settings) -> list[Record]:
    """How much of what the candidate did is compared, and at which load."""
    key, named = settings.labels("release", "measure"), with_baseline(settings)
    cell = settings.labels("release", "batch", "queue", "measure")
    target = settings.labels("target", "release", "batch", "queue", "measure")
    after = settings.after
    work, time, load = (with_term(cells.OBSERVATION, term) for term in "gwz")
    kept = f"sum by {key} ({{}} and on {target} {EXPECTED})"
    window = f"{settings.window:g}"

    def over(name: str) -> str:
        return f"sum_over_time({_SHARE}{name}[{after}])"

    visited = f"sum_over_time({VISITED}[{after}])"
    plain = f"sum by {key} (count_over_time({INDEX}[{after}]))"
    return [
        Record(record=f"{_SHARE}matched", expr=kept.format(work)),
        Record(record=f"{_SHARE}total", expr=f"sum by {key} ({work})"),
        Record(record=f"{_SHARE}time", expr=kept.format(time)),
        Record(
            record=f"{_SHARE}load",
            expr=kept.format(f"({time} * on {target} {load})"),
        ),
        Record(
            record=f"{PREFIX}coverage_ratio",
            expr=f"({over('matched')} / {over('total')}) {named}",
        ),
        Record(
            record=f"{PREFIX}overlap_seconds",
            expr=f"(({over('time')} or {plain}) * {window}) {named}",
        ),
        Record(
            record=f"{PREFIX}cells_left_out",
            expr=f"(count by {key} ({visited} unless on {cell} {SUPPORT})"
            f" or count by {key} ({visited}) * 0) {named}",
        ),
    ]


def _per_batch(settings: Settings) -> list[Record]:
    key = settings.labels("release", "batch", "measure")
    cell, named = settings.labels("batch", "measure"), with_baseline(settings)
    after = settings.after

    def over(name: str) -> str:
        return f"sum_over_time({PER_BATCH}{name}[{after}])"

    # half the harmonic mean of both sides' time: where one was short, the ratio rests on little
    time = f"sum by {key} (sum_over_time({VISITED}[{after}]))"
    baseline_time = f"on {cell} group_left () sum by {cell} ({with_term(BASE_CURVE, 'w')})"
    weight = f"({time} / ({time} + {baseline_time}) * {baseline_time})"
    return [
        Record(record=f"{PER_BATCH}expected", expr=f"sum by {key} ({EXPECTED})"),
        Record(record=f"{PER_BATCH}actual", expr=f"sum by {key} ({ACTUAL})"),
        Record(record=f"{PER_BATCH}ratio", expr=f"({over('expected')} / {over('actual')}) {named}"),
        Record(
            record=f"{PER_BATCH}weight",
            expr=f"({weight} * {settings.window:g}) {named} and on {key} {PER_BATCH}ratio",
        ),
    ]


def _measures(settings: Settings) -> str:
    """Every measure a candidate is judged by: three always, the others where there are figures."""
    others = f"(({_SIDE}count * 0 + 1) {with_baseline(settings)})"
    return union([*_always(CANDIDATE), others])


def _always(releases: str) -> list[str]:
    return [
        f'label_replace({releases}, "measure", "{measure}", "", "")' for measure in ALWAYS_JUDGED
    ]


def _reasons(settings: Settings, key: str) -> list[Record]:
    """Why there is no verdict, one series a reason."""
    release = settings.labels("release")
    epoch = f"last_over_time({meanings.EPOCH}[{settings.keep}])"
    baseline_epoch = (
        f'label_replace({epoch} and on {release} {BASELINE}, "baseline", "$1", "release", "(.*)")'
    )
    group = settings.labels("baseline", "measure")
    with_curve = series(_MEASURE, 'measure!~"hit_ratio|speculation"')
    # a short `after` cannot hold more time than it has
    least = min(settings.overlap, parse_duration(settings.after))
    beside = series(f"{PREFIX}servers", 'side="beside"')
    covered = (
        f"({PREFIX}coverage_ratio >= {settings.coverage:g} or ({PREFIX}coverage_ratio "
        f">= {settings.coverage_beside:g} and on {key} ({beside} >= 2)))"
    )
    controls = series(f"{PREFIX}servers", 'side="beside"', 'measure="hit_ratio"')
    tests: Mapping[Reason, str] = {
        "class": _CHANGED_MEASURE,
        "servers": f"{_MEASURE} unless on {key} ({_DF} >= {LEAST_DF})",
        "coverage": f"{with_curve} unless on {key} {covered}",
        "overlap": f"{with_curve} unless on {key} ({PREFIX}overlap_seconds >= {least:g})",
        "meaning": f"{_MEASURE} and on {key} (({epoch} {with_baseline(settings)})"
        f" != on {group} group_left () sum without (release) ({baseline_epoch}))",
        "no_servers_beside": f"{_MEASURE} and on {key} ({controls} == 0)",
    }
    return [
        Record(record=f"{PREFIX}reason", expr=expr, labels={"reason": reason})
        for reason, expr in tests.items()
    ]


def _verdicts(settings: Settings, key: str) -> list[Record]:
    sides = [
        ('measure="prefill"', settings.margin_of("prefill")),
        ('measure!="prefill"', settings.margin_of("decode")),
    ]
    ratio, lower, upper = (f"{PREFIX}{name}" for name in ("ratio", "lower", "upper"))
    loss = union(f"{series(ratio, measure)} <= {1 - margin:g}" for measure, margin in sides)
    gain = union(f"{series(ratio, measure)} >= {1 + margin:g}" for measure, margin in sides)
    within = union(
        f"({series(lower, measure)} > {1 - margin:g} and {upper} < {1 + margin:g})"
        for measure, margin in sides
    )
    judged = f"unless on {key} {PREFIX}reason"
    conditions: Mapping[Verdict, str] = {
        "regression": f"(({loss}) and {upper} < 1) {judged}",
        "improvement": f"(({gain}) and {lower} > 1) {judged}",
        "equivalent": f"({within}) {judged} "
        f"unless on {key} ({PREFIX}coverage_ratio < {settings.coverage:g})",
        "not_comparable": f"({_MEASURE} or {_CHANGED_MEASURE}) and on {key} {PREFIX}reason",
    }
    others = f"({_MEASURE} * 0 or {_CHANGED_MEASURE} * 0)"
    # whatever the condition's value, to the power 0 it is 1; where it does not hold, 0
    rules = [
        Record(
            record=f"{PREFIX}verdict",
            expr=f"(({condition}) ^ 0)\nor\n{others}",
            labels={"verdict": name},
        )
        for name, condition in conditions.items()
    ]
    rest = series(f"{PREFIX}verdict", 'verdict!="inconclusive"')
    undecided = f"(sum without (verdict) ({rest}) == 0)"
    rules.append(
        Record(
            record=f"{PREFIX}verdict",
            expr=f"({undecided} + 1)\nor\n{others}",
            labels={"verdict": "inconclusive"},
        )
    )
    return rules
