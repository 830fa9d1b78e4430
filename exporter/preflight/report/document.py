"""A review as a JSON document, for programs."""

from dataclasses import asdict
from typing import Any

from ...base.untrusted import printable
from ..plan.steps import Plan, Step
from ..review import Review


def document(review: Review, plan: Plan) -> dict[str, Any]:
    """Return a review with every finding, by harm; what is unknown is left out."""
    upgrade = review.upgrade
    whole = {
        "engine": upgrade.catalog.engine,
        "from": upgrade.old,
        "to": upgrade.new,
        "catalog": {"from": upgrade.before, "to": upgrade.after},
        "remarks": list(upgrade.remarks),
        "looked_at": {
            "documents": review.documents,
            "queries": review.queries,
            "servers": review.launches,
        },
        "not_read": [{**asdict(each.place), "fault": each.fault} for each in review.unread],
        "findings": [_without_empty(asdict(finding)) for finding in review.findings],
        "comparable": list(review.allowed),
        "not_comparable": [asdict(each) for each in review.forbidden],
        "fleet": None if plan.live is None else asdict(plan.live),
        "fleet_remarks": list(plan.remarks),
    }
    shown: dict[str, Any] = printable(whole)
    return {**shown, "plan": [_step(step) for step in plan.steps]}


def _step(step: Step) -> dict[str, Any]:
    shown: dict[str, Any] = printable(_without_empty(asdict(step)))
    # YAML as it was written, whose lines are no lines of a terminal here
    return {**shown, "manifest": step.manifest} if step.manifest else shown


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in fields.items()
        if value not in ("", 0, None)
    }
