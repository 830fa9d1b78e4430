"""The plan of an upgrade: from the fleet's own past where it can be read, else from tables."""

from typing import Final

from alerts.values import load

from ...base.errors import InferfleetError
from ...compare import extra
from ...compare.fleet.matchers import parse_matchers
from ...preflight.plan.fleet import LiveFleet
from ...preflight.plan.gates import Gate
from ...preflight.plan.selection import Selection, model_option
from ...preflight.plan.steps import LEAST_SERVERS, Plan, steps
from ...preflight.review import Review
from .question import LiveQuestion

_PLACEHOLDER: Final = "http://prometheus:9090"
_SIMULATED: Final = "the hours below are those of simulated rollouts"


def plan_for(
    review: Review, servers: int | None, question: LiveQuestion, gate: Gate | None
) -> Plan:
    """Return the plan; a fleet that cannot be read costs its own hours alone.

    `servers` is how many there are where the fleet does not tell, None where unknown. Raises
    `InferfleetError` for an option that cannot be used.
    """
    live: LiveFleet | None = None
    remarks = list[str]()
    if question.prometheus:
        extra.require("numpy")
        from .live import live_fleet, reading_of

        reading = reading_of(question)
        try:
            live = live_fleet(reading, review.upgrade.old)
            remarks += live.remarks
        except InferfleetError as error:
            remarks.append(f"not read: {error}")
        if live is None:
            remarks.append(_SIMULATED)
    count = servers if live is None else live.servers
    selection = Selection(
        question.prometheus or _PLACEHOLDER,
        review.upgrade.old if live is None else live.release,
        review.upgrade.new,
        question.model if live is None else model_option(live.model),
        _model_label(question) if live is None else live.model,
        () if live is None else live.cluster,
        question.margin,
        str(question.http_config or ""),
        side_by_side=count is None or count >= LEAST_SERVERS,
    )
    return Plan(steps(review, count, selection, live, gate), live, tuple(remarks))


def _model_label(question: LiveQuestion) -> str:
    """Return the label of the one model that `--model` names, empty where it may be several."""
    option = question.model
    if not any(sign in option for sign in "=~"):
        return option
    keep_labels = question.keep_labels or load().keep_labels
    matchers = parse_matchers(option, "--model", keep_labels)
    named = [each for each in matchers if each.label == "model"]
    return named[0].value if len(named) == 1 and named[0].operator == "=" else ""
