"""Which release is compared with which: the oldest that runs, else the one before the newest.

The same is asked of all classes of a model together: a release whose class never ran another has
nothing to be compared with, and shows as a change of class.
"""

from typing import Final

from ..model import Record
from ..promql import series, union
from .settings import Settings

FIRST_SEEN: Final = "release:inferfleet_release_first_seen:timestamp_seconds"
BASELINE: Final = "release:inferfleet_baseline:info"
CANDIDATE: Final = "release:inferfleet_candidate:info"
SUPERSEDED: Final = "release:inferfleet_superseded:info"
CHANGED: Final = "release:inferfleet_class_changed:info"
_KNOWN: Final = "release:inferfleet_model_first_seen:known"
_LIVE: Final = "release:inferfleet_model_first_seen:live"
_MODEL_BASELINE: Final = "release:inferfleet_model_baseline:info"


def records(settings: Settings) -> list[Record]:
    """Return the rules that follow releases as they come and go.

    Two releases first seen at one moment have no order: then there is no baseline until one is
    pinned.
    """
    release, group = settings.labels("release"), settings.labels()
    live = f"group by {release} ({settings.info()})"
    known = f"last_over_time({FIRST_SEEN}[{settings.keep}])"
    # a release that runs keeps the time it was first seen at, through gaps as long as `keep`
    first = (
        f"(last_over_time({FIRST_SEEN}[{settings.keep}]) and on {release} {live})\n"
        f"or on {release}\n({live} * time())"
    )
    baseline = _baseline(settings, FIRST_SEEN, known, release, group)
    return [
        Record(record=FIRST_SEEN, expr=first),
        Record(record=BASELINE, expr=f"group by {release} ({baseline})"),
        Record(
            record=CANDIDATE,
            expr=f"group by {settings.labels('release', 'baseline')} (\n  ({FIRST_SEEN} unless on "
            f"{release} {BASELINE})\n  * on {group} group_left (baseline)\n  label_replace("
            f'{BASELINE}, "baseline", "$1", "release", "(.*)")\n)',
        ),
        Record(
            record=SUPERSEDED,
            expr=f"group by {release} ({FIRST_SEEN} < on {group} group_left () "
            f"max by {group} ({FIRST_SEEN}))",
        ),
        *_changed(settings),
    ]


def with_baseline(settings: Settings) -> str:
    """Return what keeps a candidate's figures and names their baseline.

    An info series is 1, so that the product is the figure, with the label of the info series.
    """
    return f"* on {settings.labels('release')} group_left (baseline) {CANDIDATE}"


def while_newest(settings: Settings) -> str:
    """Return what stops a record of a release once a newer one runs.

    Both sides of a comparison are then read off what the release was before it.
    """
    release = settings.labels("release")
    return f"and on {release} {FIRST_SEEN} unless on {release} {SUPERSEDED}"


def _baseline(settings: Settings, live: str, known: str, release: str, group: str) -> str:
    """Return the baseline among releases first seen at `live` and, of the past too, `known`."""
    only = f"(count by {group} ({live}) == 1)"
    several = f"(count by {group} ({live}) > 1)"
    oldest = f"({live} == on {group} group_left () min by {group} ({live}))"
    before = (
        f"(({known} < on {group} group_left () min by {group} ({live})) unless on {release} {live})"
    )
    previous = f"({before} == on {group} group_left () max by {group} ({before}))"
    chosen = f"(({oldest} and on {group} {several}) or ({previous} and on {group} {only}))"
    # with two of them the joins with the candidate would be many to many, and fail
    baseline = f"({chosen} and on {group} (count by {group} ({chosen}) == 1))"
    pinned = [
        series(live, *(f'{name}="{value}"' for name, value in sorted(labels.items())))
        for labels in settings.pinned
    ]
    if pinned:
        kept = union(f"last_over_time({selector}[{settings.keep}])" for selector in pinned)
        baseline = f"(({kept}) or ({baseline} unless on {group} ({kept})))"
    return baseline


def _changed(settings: Settings) -> list[Record]:
    """Return the rules that find releases that left the class of the one before.

    A release that was compared in one class is not reported in another, which came beside.
    """
    release, model = settings.model_labels("release"), settings.model_labels()
    compared = f"last_over_time({CANDIDATE}[{settings.keep}])"
    baseline = _baseline(settings, _LIVE, _KNOWN, release, model)
    named = f'label_replace({_MODEL_BASELINE}, "baseline", "$1", "release", "(.*)")'
    fresh = (
        f"({FIRST_SEEN} unless on {settings.labels()} {BASELINE} unless on {release} {compared}"
        f" unless on {release} {_MODEL_BASELINE})"
    )
    return [
        Record(
            record=_KNOWN,
            expr=f"min by {release} (last_over_time({FIRST_SEEN}[{settings.keep}]))",
        ),
        Record(record=_LIVE, expr=f"{_KNOWN} and on {release} {FIRST_SEEN}"),
        Record(record=_MODEL_BASELINE, expr=f"group by {release} ({baseline})"),
        Record(
            record=CHANGED,
            expr=f"group by {settings.labels('release', 'baseline')} (\n  {fresh}\n"
            f"  * on {model} group_left (baseline)\n  {named}\n)",
        ),
    ]
