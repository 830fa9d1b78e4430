"""Which release is compared with which: the oldest that runs, else the one before the newest."""

from typing import Final

from ..model import Record
from .matching import Settings, either, pick

FIRST_SEEN: Final = "release:inferfleet_release_first_seen:timestamp_seconds"
BASELINE: Final = "release:inferfleet_baseline:info"
CANDIDATE: Final = "release:inferfleet_candidate:info"
SUPERSEDED: Final = "release:inferfleet_superseded:info"


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
    only = f"(count by {group} ({FIRST_SEEN}) == 1)"
    several = f"(count by {group} ({FIRST_SEEN}) > 1)"
    oldest = f"({FIRST_SEEN} == on {group} group_left () min by {group} ({FIRST_SEEN}))"
    before = (
        f"(({known} < on {group} group_left () min by {group} ({FIRST_SEEN})) "
        f"unless on {release} {FIRST_SEEN})"
    )
    previous = f"({before} == on {group} group_left () max by {group} ({before}))"
    chosen = f"(({oldest} and on {group} {several}) or ({previous} and on {group} {only}))"
    alone = f"({chosen} and on {group} (count by {group} ({chosen}) == 1))"
    pinned = [
        pick(FIRST_SEEN, *(f'{name}="{value}"' for name, value in sorted(pin.items())))
        for pin in settings.pinned
    ]
    if pinned:
        kept = either(f"last_over_time({one}[{settings.keep}])" for one in pinned)
        alone = f"(({kept}) or ({alone} unless on {group} ({kept})))"
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
    ]
