"""When an interval stays open because the page did not move.

Where engines report to whoever serves the page, it stands still between two reports, however often
it is read. Counted as they come, such intervals would be idle ones with bursts in between, each
under the batch of the wrong moment; joined up to the next report they are what happened.
"""

from typing import Final

from ..engines.plan import Plan, Snapshot

LONGEST_HOLD: Final = 30.0
"""Seconds; two reports of Ray's workers may be 20 s apart. What stands longer is idle."""


def longest_hold(plan: Plan) -> float:
    """Return for how long an interval may stay open beyond the time between two samples."""
    return LONGEST_HOLD if plan.relayed else 0.0


def on_hold(last: Snapshot, snapshot: Snapshot) -> bool:
    """Whether a page says nothing new since the `last` one that ended an interval."""
    return (
        last.plan is snapshot.plan
        and snapshot.time - last.time < longest_hold(snapshot.plan)
        and last.values == snapshot.values
    )
