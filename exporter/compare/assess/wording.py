"""The words of a result: its headline, and how changes and reasons are written. Pure."""

from math import ceil, log10
from typing import Final

from ...vocabulary.verdict import MEASURES, VERDICTS, Measure
from .result import Comparison, MeasureResult, RangeEffect, Report, SubgroupEffect
from .verdict import is_call

_BESIDE_DECODE: Final[tuple[Measure, ...]] = ("prefill", "hit_ratio", "speculation", "energy")
"""Measures the headline names where they changed; inter-token latency follows from the first."""

_SMALL_LEVEL: Final = 1e-3


def percent_change(ratio: float) -> str:
    """Return a ratio as a signed change in percent."""
    return f"{100.0 * (ratio - 1.0):+z.1f} %"


def confidence(alpha: float) -> str:
    """Return the confidence level of intervals at the significance level `alpha`."""
    if alpha >= _SMALL_LEVEL:
        return f"{100.0 * (1.0 - alpha):.3g} %"
    # as many nines as there are, never 100 %
    return f"{100.0 * (1.0 - alpha):.{ceil(-log10(alpha)) - 2}f} %"


def batch_range(low: float, high: float) -> str:
    """Return a range of decode batch in words."""
    if high == float("inf"):
        return f"above {low:g}"
    return f"up to {high:g}" if low == 0 else f"{low:g} to {high:g}"


def side_names(comparison: Comparison) -> tuple[str, str]:
    """Return the names of baseline and candidate: their releases."""
    return (
        ", ".join(comparison.baseline.releases) or "baseline",
        ", ".join(comparison.candidate.releases) or "candidate",
    )


def title(report: Report) -> str:
    """Return the report's title."""
    return f"inferfleet compare: {report.baseline} against {report.candidate}"


def overall_headline(comparisons: tuple[Comparison, ...]) -> str:
    """Return the sentence over all comparisons of a run, empty where there are none."""
    if not comparisons:
        return ""
    if len(comparisons) == 1:
        return comparisons[0].headline
    counts: dict[str, int] = {}
    for comparison in comparisons:
        verdict = VERDICTS[comparison.verdict]
        counts[verdict] = counts.get(verdict, 0) + 1
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{len(comparisons)} comparisons: {listed}."


def headline(comparison: Comparison, alpha: float) -> str:
    """Return the one sentence on a comparison made at the significance level `alpha`."""
    old, new = side_names(comparison)
    subject = f"{comparison.model or 'the model'} on {comparison.gpu_model or 'unknown GPUs'}"
    if comparison.external_labels:
        subject += f" in {'/'.join(comparison.external_labels.values())}"
    decode = comparison.measures[0]
    if comparison.verdict == "not_comparable":
        yet = "yet " if comparison.ready_at is not None else ""
        text = f"{new} and {old} are not comparable {yet}for {subject}, because {decode.reason}"
        if decode.observed_ratio is not None:
            difference = percent_change(decode.observed_ratio)
            text += f" (the observed difference is {difference} in decoding)"
        return text + (f": {decode.remedy}." if decode.remedy else ".")
    if decode.estimate is None:
        faster = "faster" if comparison.verdict == "improvement" else "slower"
        return f"{new} is clearly {faster} than {old} for {subject}, by more than loads overlap."
    estimate = decode.estimate
    change = (
        f"decoding {percent_change(estimate.ratio)} at equal load ({confidence(alpha)} interval "
        f"{percent_change(estimate.lower)} to {percent_change(estimate.upper)})"
    )
    text = {
        "regression": f"{new} is slower than {old} for {subject}: {change}",
        "improvement": f"{new} is faster than {old} for {subject}: {change}",
        "equivalent": f"{new} is as fast as {old} for {subject}: {change}",
        "inconclusive": f"It is not clear yet whether {new} changed {subject}: {change}",
    }[comparison.verdict]
    needed = _required_data(decode, "runs" if comparison.design == "replicates" else "servers")
    return f"{text}{_other_changes(comparison)}{_range_change(decode)}{needed}."


def throughput_name(comparison: Comparison) -> str:
    """Return the name of the throughput at any load: per server where its GPUs are unknown."""
    return f"tokens/s per {'GPU' if comparison.gpu_model else 'server'}"


def _other_changes(comparison: Comparison) -> str:
    """Name the other measures that changed."""
    return "".join(
        f", {MEASURES[result.measure].short} {percent_change(result.estimate.ratio)}"
        for result in comparison.measures
        if is_call(result) and result.measure in _BESIDE_DECODE and result.estimate
    )


def _range_change(decode: MeasureResult) -> str:
    """Name the worst part of the load where a change is called that is not the whole's."""
    called = [
        part
        for part in decode.ranges
        if part.verdict in ("regression", "improvement")
        and (part.verdict != decode.verdict or _is_worse(part, decode))
    ]
    if not called:
        parts = [part for part in decode.subgroups if part.verdict == "regression"]
        if decode.verdict == "regression" or not parts:
            return ""
        slowest = min(parts, key=lambda part: part.estimate.ratio)
        return f"; at {slowest.name} {percent_change(slowest.estimate.ratio)}"
    worst = min(called, key=lambda part: part.estimate.ratio if part.estimate else 1.0)
    change = percent_change(worst.estimate.ratio) if worst.estimate else "unknown"
    return f"; at batch {batch_range(worst.low, worst.high)} {change}"


def _is_worse(part: RangeEffect, decode: MeasureResult) -> bool:
    """Whether a part got slower by more than the whole did, as far as its interval tells."""
    whole, own = decode.estimate, part.estimate
    return whole is not None and own is not None and own.upper < whole.ratio


def _required_data(decode: MeasureResult, unit: str) -> str:
    """Say what an inconclusive measure would detect, and how much data would settle it.

    `unit` is what a side has several of: servers or runs.
    """
    if decode.verdict != "inconclusive":
        return ""
    smallest = decode.minimum_detectable_effect
    detectable = f"; a change of {100 * smallest:.1f} % would be detected" if smallest else ""
    required, remedy = decode.required_sample_size, decode.remedy and f", {decode.remedy}"
    if required is None:
        return detectable
    if required.servers is None:
        return f"{detectable}, more data alone will not settle it{remedy}"
    hours = f" or {required.hours:.0f} h of the candidate" if required.hours else ""
    return f"{detectable}, about {required.servers} {unit} a side{hours} are needed{remedy}"


def change_and_interval(effect: MeasureResult | RangeEffect | SubgroupEffect) -> tuple[str, str]:
    """Return an effect and its interval in words; one that was only observed has none."""
    estimate = effect.estimate
    if estimate is not None:
        interval = f"{percent_change(estimate.lower)} to {percent_change(estimate.upper)}"
        return percent_change(estimate.ratio), interval
    observed = None if isinstance(effect, SubgroupEffect) else effect.observed_ratio
    return (f"{percent_change(observed)} observed", "") if observed is not None else ("unknown", "")


def detectable_effect(measure: MeasureResult) -> str:
    """Return the smallest change that would be detected in words, nothing where unknown."""
    smallest = measure.minimum_detectable_effect
    return f"±{100 * smallest:.1f} %" if smallest else ""


def reasons(comparison: Comparison) -> list[str]:
    """Return why measures have no clear verdict, those of one reason together."""
    titles: dict[str, list[str]] = {}
    for result in comparison.measures:
        if result.reason:
            text = result.reason + (f"; {result.remedy}" if result.remedy else "")
            titles.setdefault(text, []).append(MEASURES[result.measure].title)
    return [f"{', '.join(measures)}: {text}" for text, measures in titles.items()]
