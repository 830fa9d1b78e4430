"""A release note's promise held against the fleet. Pure.

Release notes quote one machine at one load; the fleet's own load decides what it gets.
"""

from ...errors import CompareError
from .headline import batch_range, percent
from .result import Claim, Comparison, Estimate


def read(text: str) -> float:
    """Return a claim such as `+56%` as a ratio, 1.56; raise `CompareError` where it is none."""
    digits = text.strip().removesuffix("%").strip()
    try:
        found = 1.0 + float(digits) / 100.0
    except ValueError:
        raise CompareError(f"--claim: {text!r} is no change in percent, such as +56%") from None
    if found <= 0:
        raise CompareError(f"--claim: {text!r} would leave nothing; give more than -100%")
    return found


def held(claimed: float, comparison: Comparison) -> Claim:
    """Return whether the claim holds on the whole and at which batches and lengths it would."""
    decode = comparison.measures[0]
    told = decode.estimate
    where = tuple(
        f"batch {batch_range(one.low, one.high)}: {percent(one.estimate.ratio)} "
        f"({_word(_holds(claimed, one.estimate))}), {one.token_share:.0%} of the candidate's tokens"
        for one in decode.ranges
        if one.estimate
    )
    where += tuple(
        f"{one.name}: {percent(one.estimate.ratio)} ({_word(_holds(claimed, one.estimate))})"
        for one in decode.subgroups
    )
    if told is None or decode.verdict == "not_comparable":
        text = f"the claim of {percent(claimed)} cannot be checked: {decode.reason or 'no data'}"
        return Claim(claimed_ratio=claimed, holds=None, text=text, details=where)
    holds = _holds(claimed, told)
    at = f"{percent(told.ratio)} ({percent(told.lower)} to {percent(told.upper)})"
    text = {
        True: f"the claim of {percent(claimed)} holds on this fleet: found {at}",
        False: f"the claim of {percent(claimed)} does not hold on this fleet: found {at} at the "
        "load it has",
        None: f"the claim of {percent(claimed)} is within what the data allows: found {at}",
    }[holds]
    return Claim(claimed_ratio=claimed, holds=holds, text=text, details=where)


def _holds(claimed: float, told: Estimate) -> bool | None:
    """True where at least the claim is sure, False where it is excluded, None between."""
    if claimed >= 1.0:
        return True if told.lower >= claimed else False if told.upper < claimed else None
    return True if told.upper <= claimed else False if told.lower > claimed else None


def _word(holds: bool | None) -> str:
    return {True: "holds", False: "does not hold", None: "possible"}[holds]
