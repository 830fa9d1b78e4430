"""Which release is compared with which: the oldest that runs, else the one before the newest.

The same is asked of all classes of a model together: a release whose class never ran another has
nothing to be compared with, and shows as a change of class.
"""

from typing import Final

from ..model import Record
from .settings import Settings, either, pick

FIRST_SEEN: Final = "release:inferfleet_release_first_seen:timestamp_seconds"
BASELINE: Final = "release:inferfleet_baseline:info"
CANDIDATE: Final = "release:inferfleet_candidate:info"
SUPERSEDED: Final = "release:inferfleet_superseded:info"
CHANGED: Final = "release:inferfleet_class_changed:info"
_KNOWN: Final = "release:inferfleet_model_first_seen:known"
_LIVE: Final = "release:inferfleet_model_first_seen:live"
_OLD: Final = "release:inferfleet_model_baseline:info"


def records(settings: Settings) -> list[Record]:
    """Return the rules that follow releases as they come and go.

    Two releases first seen at one moment have no order: then there is no baseline until one is
    pinned.
    """
    release, group = settings.group("release"), settings.group()
    live = f"group by {release} ({settings.info()})"
    known = f"last_over_time({FIRST_SEEN}[{settings.keep}])"
    first = (
        f"(last_over_time({FIRST_SEEN}[{settings.keep}]) and on {release} {live})\n"
        f"or on {release}\n({live} * time())"
    )
    alone = _before(settings, FIRST_SEEN, known, release, group)
    return [
        Record(record=FIRST_SEEN, expr=first),
        Record(record=BASELINE, expr=f"group by {release} ({alone})"),
        Record(
            record=CANDIDATE,
            expr=f"group by {settings.group('release', 'baseline')} (\n  ({FIRST_SEEN} unless on "
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


def _before(settings: Settings, live: str, known: str, release: str, group: str) -> str:
    """Return the baseline among releases first seen at `live` and, of the past too, `known`."""
    only = f"(count by {group} ({live}) == 1)"
    several = f"(count by {group} ({live}) > 1)"
    oldest = f"({live} == on {group} group_left () min by {group} ({live}))"
    before = (
        f"(({known} < on {group} group_left () min by {group} ({live})) unless on {release} {live})"
    )
    previous = f"({before} == on {group} group_left () max by {group} ({before}))"
    chosen = f"(({oldest} and on {group} {several}) or ({previous} and on {group} {only}))"
    alone = f"({chosen} and on {group} (count by {group} ({chosen}) == 1))"
    pinned = [
        pick(live, *(f'{name}="{value}"' for name, value in sorted(pin.items())))
        for pin in settings.pinned
    ]
    if pinned:
        kept = either(f"last_over_time({one}[{settings.keep}])" for one in pinned)
        alone = f"(({kept}) or ({alone} unless on {group} ({kept})))"
    return alone


def _changed(settings: Settings) -> list[Record]:
    """Return the rules that find releases that left the class of the one before.

    A release that was compared in one class is not told of in another, which came beside.
    """
    release, kind = settings.kind("release"), settings.kind()
    compared = f"last_over_time({CANDIDATE}[{settings.keep}])"
    old = _before(settings, _LIVE, _KNOWN, release, kind)
    named = f'label_replace({_OLD}, "baseline", "$1", "release", "(.*)")'
    fresh = (
        f"({FIRST_SEEN} unless on {settings.group()} {BASELINE} unless on {release} {compared}"
        f" unless on {release} {_OLD})"
    )
    return [
        Record(
            record=_KNOWN,
            expr=f"min by {release} (last_over_time({FIRST_SEEN}[{settings.keep}]))",
        ),
        Record(record=_LIVE, expr=f"{_KNOWN} and on {release} {FIRST_SEEN}"),
        Record(record=_OLD, expr=f"group by {release} ({old})"),
        Record(
            record=CHANGED,
            expr=f"group by {settings.group('release', 'baseline')} (\n  {fresh}\n"
            f"  * on {kind} group_left (baseline)\n  {named}\n)",
        ),
    ]
