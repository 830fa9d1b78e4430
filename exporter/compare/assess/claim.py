"""A release note's claim, checked against the fleet. Pure.

Release notes quote one machine at one load; the fleet's own load decides what it gets.
"""

from ...base.errors import CompareError
from ...base.units import parse_change
from .result import Claim, Comparison, Estimate
from .wording import batch_range, percent_change


def parse_claim(text: str) -> float:
    """Return a claim such as `+56%` as a ratio, 1.56; raise `CompareError` where it is none."""
    try:
        change = parse_change(text)
    except ValueError as error:
        raise CompareError(f"--claim: {error}") from None
    if change <= -1.0:
        raise CompareError(f"--claim: {text!r} would leave nothing; give more than -100%")
    return 1.0 + change


def check_claim(claimed_ratio: float, comparison: Comparison) -> Claim:
    """Return whether a claim holds on the whole, and at which batches and lengths it would."""
    decode = comparison.measures[0]
    estimate = decode.estimate
    details = tuple(
        f"batch {batch_range(part.low, part.high)}: "
        f"{_outcome(claimed_ratio, part.estimate)}, {part.token_share:.0%} of the candidate's "
        "tokens"
        for part in decode.ranges
        if part.estimate
    )
    details += tuple(
        f"{subgroup.name}: {_outcome(claimed_ratio, subgroup.estimate)}"
        for subgroup in decode.subgroups
    )
    claim = f"the claim of {percent_change(claimed_ratio)}"
    if estimate is None or decode.verdict == "not_comparable":
        text = f"{claim} cannot be checked: {decode.reason or 'no data'}"
        return Claim(claimed_ratio=claimed_ratio, holds=None, text=text, details=details)
    holds = _holds(claimed_ratio, estimate)
    measured = (
        f"{percent_change(estimate.ratio)} ({percent_change(estimate.lower)} to "
        f"{percent_change(estimate.upper)})"
    )
    text = {
        True: f"{claim} holds on this fleet: measured {measured}",
        False: f"{claim} does not hold on this fleet: measured {measured} at the load it has",
        None: f"{claim} is within what the data allows: measured {measured}",
    }[holds]
    return Claim(claimed_ratio=claimed_ratio, holds=holds, text=text, details=details)


def _holds(claimed_ratio: float, estimate: Estimate) -> bool | None:
    """True where at least the claim is sure, False where it is excluded, None between."""
    if claimed_ratio >= 1.0:
        if estimate.lower >= claimed_ratio:
            return True
        return False if estimate.upper < claimed_ratio else None
    if estimate.upper <= claimed_ratio:
        return True
    return False if estimate.lower > claimed_ratio else None


def _outcome(claimed_ratio: float, estimate: Estimate) -> str:
    holds = {True: "holds", False: "does not hold", None: "possible"}
    return f"{percent_change(estimate.ratio)} ({holds[_holds(claimed_ratio, estimate)]})"
