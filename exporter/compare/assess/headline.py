"""One sentence a manager can read, and the words the reports share. Pure."""

from typing import Final

from ...vocabulary.verdict import MEASURES, VERDICTS, Measure
from .result import Comparison, MeasureResult, RangeEffect, Report, SubgroupEffect

_BESIDE_DECODE: Final[tuple[Measure, ...]] = ("prefill", "hit_ratio", "speculation", "energy")
"""Measures the headline names where they changed; inter-token latency follows from the first."""


def percent(ratio: float) -> str:
    """Return a ratio as a signed change in percent."""
    return f"{100.0 * (ratio - 1.0):+.1f} %"


def batch_range(low: float, high: float) -> str:
    """Return a range of decode batch in words."""
    if high == float("inf"):
        return f"above {low:g}"
    return f"up to {high:g}" if low == 0 else f"{low:g} to {high:g}"


def names(comparison: Comparison) -> tuple[str, str]:
    """Return what the sides are called."""
    return (
        ", ".join(comparison.baseline.releases) or "baseline",
        ", ".join(comparison.candidate.releases) or "candidate",
    )


def headline(comparison: Comparison) -> str:
    """Return the one sentence on a comparison."""
    old, new = names(comparison)
    where = f"{comparison.model or 'the model'} on {comparison.gpu_model or 'unknown GPUs'}"
    decode = comparison.measures[0]
    if comparison.verdict == "not_comparable":
        text = f"{new} and {old} are not comparable for {where}, because {decode.reason}"
        if decode.observed_ratio is not None:
            text += f" (the observed difference is {percent(decode.observed_ratio)} in decoding)"
        return text + (f": {decode.remedy}." if decode.remedy else ".")
    if decode.estimate is None:
        faster = "faster" if comparison.verdict == "improvement" else "slower"
        return f"{new} is clearly {faster} than {old} for {where}, by more than loads overlap."
    change = _change(decode)
    text = {
        "regression": f"{new} is slower than {old} for {where}: {change}",
        "improvement": f"{new} is faster than {old} for {where}: {change}",
        "equivalent": f"{new} is as fast as {old} for {where}: {change}",
        "inconclusive": f"It is not clear yet whether {new} changed {where}: {change}",
    }[comparison.verdict]
    return f"{text}{_others(comparison)}{_narrow(decode)}{_more(decode)}."


def _change(decode: MeasureResult) -> str:
    told = decode.estimate
    if told is None:
        return "the size is not known"
    return (
        f"decoding {percent(told.ratio)} at equal load (95 % interval {percent(told.lower)} to "
        f"{percent(told.upper)})"
    )


def _others(comparison: Comparison) -> str:
    """Name the other measures that changed."""
    told = ""
    for one in comparison.measures:
        called = one.verdict in ("regression", "improvement")
        if called and one.measure in _BESIDE_DECODE and one.estimate:
            told += f", {MEASURES[one.measure].short} {percent(one.estimate.ratio)}"
    return told


def _narrow(decode: MeasureResult) -> str:
    """Name the batch range where an effect is called, when the whole does not say it."""
    called = [
        one
        for one in decode.ranges
        if one.verdict in ("regression", "improvement") and one.verdict != decode.verdict
    ]
    if not called:
        return ""
    worst = min(called, key=lambda one: one.estimate.ratio if one.estimate else 1.0)
    return f"; at batch {_of_range(worst)}"


def _of_range(one: RangeEffect) -> str:
    change = percent(one.estimate.ratio) if one.estimate else "unknown"
    return f"{batch_range(one.low, one.high)} {change}"


def _more(decode: MeasureResult) -> str:
    if decode.verdict != "inconclusive":
        return ""
    smallest = decode.minimum_detectable_effect
    detectable = f"; a change of {100 * smallest:.1f} % would be detected" if smallest else ""
    more = decode.required_sample_size
    if more is None:
        return detectable
    if more.servers is None:
        return f"{detectable}, more data alone will not settle it"
    text = f"{detectable}, about {more.servers} servers a side"
    return text + (f" or {more.hours:.0f} h of the candidate" if more.hours else "") + " are needed"


def overall(comparisons: tuple[Comparison, ...]) -> str:
    """Return the sentence over all comparisons of a run."""
    if not comparisons:
        return "Nothing to compare: no model is served by both sides in this time."
    if len(comparisons) == 1:
        return comparisons[0].headline
    counts: dict[str, int] = {}
    for one in comparisons:
        counts[VERDICTS[one.verdict]] = counts.get(VERDICTS[one.verdict], 0) + 1
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{len(comparisons)} comparisons: {told}."


def change(one: MeasureResult | RangeEffect | SubgroupEffect) -> tuple[str, str]:
    """Return an effect and its interval in words; one that was only observed has none."""
    told = one.estimate
    if told is None:
        observed = getattr(one, "observed_ratio", None)
        return (f"{percent(observed)} observed", "") if observed is not None else ("unknown", "")
    return percent(told.ratio), f"{percent(told.lower)} to {percent(told.upper)}"


def detectable_effect(measure: MeasureResult) -> str:
    """Return the smallest change that would be detected in words, nothing where unknown."""
    smallest = measure.minimum_detectable_effect
    return f"±{100 * smallest:.1f} %" if smallest else ""


def reasons(comparison: Comparison) -> list[str]:
    """Return why measures have no clear verdict, alike ones together."""
    found: dict[str, list[str]] = {}
    for one in comparison.measures:
        if one.reason:
            text = one.reason + (f"; {one.remedy}" if one.remedy else "")
            found.setdefault(text, []).append(MEASURES[one.measure].title)
    return [f"{', '.join(measures)}: {text}" for text, measures in found.items()]


def title(report: Report) -> str:
    """Return the report's title."""
    return f"inferfleet compare: {report.baseline} against {report.candidate}"
