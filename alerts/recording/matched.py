"""The verdict on a release at equal load, as recording rules.

For each candidate release: the mean shift of its servers, less that of servers still on the
baseline; the server is the unit, so the interval is from the spread between servers, and a floor
from comparing versions with themselves. docs/regressions.md tells the method for users.
"""

from collections.abc import Mapping
from typing import Final

from exporter.units import parse_duration
from exporter.vocabulary.verdict import Measure, Reason, Verdict

from ..model import Group, Record
from ..values import Values
from . import baseline, cells, curve, meanings, naive, shift
from .baseline import BASELINE, CANDIDATE, CHANGED
from .curve import BASE_CURVE, LOAD
from .settings import Settings, either, part, pick
from .shift import ACTUAL, EXPECTED, INDEX, PAST, SHIFT, SUPPORT, TILT, VISITED

PREFIX: Final = "release:inferfleet_matched_load:"
PER_BATCH: Final = "release_batch:inferfleet_matched_load:"
ALWAYS_JUDGED: Final[tuple[Measure, ...]] = ("decode", "prefill", "time_to_first_token")

LEAST_DF: Final = 3

_SIDE: Final = "release:inferfleet_matched_side:"
_LN: Final = f"{PREFIX}ln"
_DF: Final = f"{PREFIX}degrees_of_freedom"
_WHO: Final = "release:inferfleet_matched_measure:info"
_APART: Final = "release:inferfleet_class_changed_measure:info"
_SHARE: Final = "release:inferfleet_matched_work:"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rule groups, in the order they build on one another."""
    more = {"selector": values.selector, "keep_labels": values.keep_labels}
    return of(values.matched.model_copy(update=more))


def of(settings: Settings) -> tuple[Group, ...]:
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
    key = settings.group("release", "measure")
    return [
        *_sides(settings),
        *_basis(settings),
        *_estimate(settings),
        *_per_batch(settings),
        Record(record=_WHO, expr=_who(settings)),
        Record(record=_APART, expr=either(_always(CHANGED))),
        *_reasons(settings, key),
        *_verdicts(settings, key),
    ]


def _candidates(settings: Settings, expr: str) -> str:
    return f"({expr} and on {settings.group('release')} {CANDIDATE})"


def _controls(settings: Settings, name: str) -> str:
    """Return a side's figure for the servers still on the baseline, two of them at least."""
    key, who = settings.group("release", "measure"), settings.group("release")
    several = f"({_SIDE}{name} and on {key} ({_SIDE}count >= 2))"
    return f"sum without (release) ({several} and on {who} {BASELINE})"


def _sides(settings: Settings) -> list[Record]:
    key = settings.group("release", "measure")
    return [
        Record(record=f"{_SIDE}count", expr=f"count by {key} ({SHIFT})"),
        Record(record=f"{_SIDE}mean", expr=f"avg by {key} ({SHIFT})"),
        Record(record=f"{_SIDE}variance", expr=f"stdvar by {key} ({SHIFT})"),
    ]


def _estimate(settings: Settings) -> list[Record]:
    group, release = settings.group("measure"), settings.group("release")
    named = f"* on {release} group_left (baseline) {CANDIDATE}"
    n, mean, variance = (
        _candidates(settings, f"{_SIDE}{name}") for name in ("count", "mean", "variance")
    )
    m, other, spread = (_controls(settings, name) for name in ("count", "mean", "variance"))
    beside = f"on {group} group_left ()"
    difference = f"({mean} - {beside} ({other}))"
    degrees = f"({n} + {beside} ({m}) - 2)"
    pooled = f"({n} * {variance} + {beside} (({m}) * ({spread})))"
    each = f"(1 / {n} + {beside} (1 / ({m})))"
    moved = f"{_SIDE}load_moved"
    alone = f"({settings.floor_alone**2:g} + {settings.floor_moved**2:g} * {moved} ^ 2)"
    key = settings.group("release", "measure")
    stderr = either(
        [
            f"sqrt({pooled} / ({degrees} > 0) * {each} + {settings.floor**2:g})",
            f"(sqrt({variance} / ({n} - 1 > 0) + on {key} {alone}) unless on {group} ({m}))",
            # measures without a curve
            f"(sqrt({variance} / ({n} - 1 > 0) + {settings.floor_alone**2:g})"
            f" unless on {group} ({m}))",
        ]
    )
    kept = (
        f"sum without (release) (last_over_time({{}}[{settings.keep}]) and on {release} {BASELINE})"
    )
    tilted = f"({mean} - on {key} ({moved} * {beside} ({kept.format(TILT)})))"
    df = _DF
    critical = f"(1.96 + 2.4 / ({df} >= {LEAST_DF}) + 3.6 / ({df} >= {LEAST_DF}) ^ 2)"
    half = f"{critical} * {PREFIX}stderr"
    return [
        Record(
            record=moved,
            expr=f"sum_over_time({_SHARE}load[{settings.after}]) / "
            f"sum_over_time({_SHARE}time[{settings.after}]) "
            f"- {beside} ({kept.format(LOAD)}) and on {release} {CANDIDATE}",
        ),
        Record(record=_LN, expr=f"({either([difference, tilted, mean])}) {named}"),
        Record(record=df, expr=f"({either([degrees, f'({n} - 1)'])}) {named}"),
        Record(record=f"{PREFIX}stderr", expr=f"({stderr}) {named}"),
        Record(record=f"{PREFIX}ratio", expr=f"exp({_LN})"),
        Record(record=f"{PREFIX}lower", expr=f"exp({_LN} - {half})"),
        Record(record=f"{PREFIX}upper", expr=f"exp({_LN} + {half})"),
        Record(
            record=f"{PREFIX}servers",
            expr=f"{n} {named}",
            labels={"side": "candidate"},
        ),
        Record(
            record=f"{PREFIX}servers",
            expr=f"(({n} * 0) + {beside} ({m}) or {n} * 0) {named}",
            labels={"side": "beside"},
        ),
        Record(
            record=f"{PREFIX}servers",
            expr=f"(({n} * 0) + {beside} (count by {group} ({PAST})) or {n} * 0) {named}",
            labels={"side": "baseline"},
        ),
    ]


def _basis(settings: Settings) -> list[Record]:
    """How much of what the candidate did is compared, and at which load."""
    key, release = settings.group("release", "measure"), settings.group("release")
    mine = settings.group("release", "batch", "queue", "measure")
    target = settings.group("target", "release", "batch", "queue", "measure")
    named = f"* on {release} group_left (baseline) {CANDIDATE}"
    after = settings.after
    work, time = (pick(cells.SEEN, f'of="{of}"') for of in ("g", "w"))
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
            expr=kept.format(f"({time} * on {target} {part(cells.SEEN, 'z')})"),
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
            expr=f"(count by {key} ({visited} unless on {mine} {SUPPORT})"
            f" or count by {key} ({visited}) * 0) {named}",
        ),
    ]


def _per_batch(settings: Settings) -> list[Record]:
    key = settings.group("release", "batch", "measure")
    cell, release = settings.group("batch", "measure"), settings.group("release")
    named = f"* on {release} group_left (baseline) {CANDIDATE}"
    after = settings.after

    def over(name: str) -> str:
        return f"sum_over_time({PER_BATCH}{name}[{after}])"

    mine = f"sum by {key} (sum_over_time({VISITED}[{after}]))"
    theirs = f"sum by {cell} ({part(BASE_CURVE, 'w')})"
    weight = (
        f"({mine} / ({mine} + on {cell} group_left () {theirs}) * on {cell} group_left () {theirs})"
    )
    return [
        Record(record=f"{PER_BATCH}expected", expr=f"sum by {key} ({EXPECTED})"),
        Record(record=f"{PER_BATCH}actual", expr=f"sum by {key} ({ACTUAL})"),
        Record(record=f"{PER_BATCH}ratio", expr=f"({over('expected')} / {over('actual')}) {named}"),
        Record(
            record=f"{PER_BATCH}weight",
            expr=f"({weight} * {settings.window:g}) {named} and on {key} {PER_BATCH}ratio",
        ),
    ]


def _who(settings: Settings) -> str:
    """Every measure a candidate is judged by: three always, the others where there are figures."""
    release = settings.group("release")
    others = f"(({_SIDE}count * 0 + 1) * on {release} group_left (baseline) {CANDIDATE})"
    return either([*_always(CANDIDATE), others])


def _always(releases: str) -> list[str]:
    return [
        f'label_replace({releases}, "measure", "{measure}", "", "")' for measure in ALWAYS_JUDGED
    ]


def _reasons(settings: Settings, key: str) -> list[Record]:
    """Why there is no verdict, one series a reason."""
    release = settings.group("release")
    epoch = f"last_over_time({meanings.EPOCH}[{settings.keep}])"
    old = f'label_replace({epoch} and on {release} {BASELINE}, "baseline", "$1", "release", "(.*)")'
    group = settings.group("baseline", "measure")
    plain = 'measure!~"hit_ratio|speculation"'
    # a short `after` cannot hold more time than it has
    least = min(settings.overlap, parse_duration(settings.after))
    beside = pick(f"{PREFIX}servers", 'side="beside"')
    covered = (
        f"({PREFIX}coverage_ratio >= {settings.coverage:g} or ({PREFIX}coverage_ratio "
        f">= {settings.coverage_beside:g} and on {key} ({beside} >= 2)))"
    )
    controls = pick(f"{PREFIX}servers", 'side="beside"', 'measure="hit_ratio"')
    tests: Mapping[Reason, str] = {
        "class": _APART,
        "servers": f"{_WHO} unless on {key} ({_DF} >= {LEAST_DF})",
        "coverage": f"{pick(_WHO, plain)} unless on {key} {covered}",
        "overlap": f"{pick(_WHO, plain)} unless on {key} ({PREFIX}overlap_seconds >= {least:g})",
        "meaning": f"{_WHO} and on {key} (({epoch} * on {release} group_left (baseline) "
        f"{CANDIDATE}) != on {group} group_left () sum without (release) ({old}))",
        "no_servers_beside": f"{_WHO} and on {key} ({controls} == 0)",
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
    loss = either(f"{pick(ratio, of)} <= {1 - margin:g}" for of, margin in sides)
    gain = either(f"{pick(ratio, of)} >= {1 + margin:g}" for of, margin in sides)
    within = either(
        f"({pick(lower, of)} > {1 - margin:g} and {upper} < {1 + margin:g})" for of, margin in sides
    )
    fair = f"unless on {key} {PREFIX}reason"
    conditions: Mapping[Verdict, str] = {
        "regression": f"(({loss}) and {upper} < 1) {fair}",
        "improvement": f"(({gain}) and {lower} > 1) {fair}",
        "equivalent": f"({within}) {fair} "
        f"unless on {key} ({PREFIX}coverage_ratio < {settings.coverage:g})",
        "not_comparable": f"({_WHO} or {_APART}) and on {key} {PREFIX}reason",
    }
    others = f"({_WHO} * 0 or {_APART} * 0)"
    found = [
        Record(
            record=f"{PREFIX}verdict",
            expr=f"(({condition}) ^ 0)\nor\n{others}",
            labels={"verdict": name},
        )
        for name, condition in conditions.items()
    ]
    rest = pick(f"{PREFIX}verdict", 'verdict!="inconclusive"')
    told = f"(sum without (verdict) ({rest}) == 0)"
    found.append(
        Record(
            record=f"{PREFIX}verdict",
            expr=f"({told} + 1)\nor\n{others}",
            labels={"verdict": "inconclusive"},
        )
    )
    return found
