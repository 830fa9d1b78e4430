"""The rows of a report's tables, as text: what terminal, Markdown and HTML share. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...vocabulary.verdict import MEASURES, Verdict
from ..assess.result import Comparison
from ..assess.wording import batch_range, change_and_interval, detectable_effect

HEADS = "measure", "change", "interval", "detectable", "verdict"
PHASE_HEADS = "phase", "load client's tokens/s", "from the cells"
_KV_CACHE = "KV cache, tokens"


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A measure, or its effect in a batch range or a subgroup; texts are empty where unknown."""

    kind: Literal["measure", "range", "subgroup"]
    name: str
    change: str
    interval: str
    detectable: str
    verdict: Verdict


def effect_rows(comparison: Comparison) -> Iterator[EffectRow]:
    """Yield the measures in order, each followed by its batch ranges and subgroups."""
    for measure in comparison.measures:
        change, interval = change_and_interval(measure)
        title = MEASURES[measure.measure].title
        detectable = detectable_effect(measure)
        yield EffectRow("measure", title, change, interval, detectable, measure.verdict)
        for part in measure.ranges:
            change, interval = change_and_interval(part)
            name = f"batch {batch_range(part.low, part.high)}, {part.token_share:.0%} of tokens"
            yield EffectRow("range", name, change, interval, "", part.verdict)
        for subgroup in measure.subgroups:
            change, interval = change_and_interval(subgroup)
            yield EffectRow("subgroup", subgroup.name, change, interval, "", subgroup.verdict)


def side_rows(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return what describes both sides: a title, the baseline's text and the candidate's."""

    def number(value: float | None, form: str) -> str:
        return "unknown" if value is None else form.format(value)

    a, b = comparison.baseline, comparison.candidate
    rows = [
        ("release", ", ".join(a.releases), ", ".join(b.releases)),
        ("servers", str(a.servers), str(b.servers)),
        ("hours of data", f"{a.hours:.3g}", f"{b.hours:.3g}"),
        (
            _KV_CACHE,
            number(a.kv_cache_capacity_tokens, "{:,.0f}"),
            number(b.kv_cache_capacity_tokens, "{:,.0f}"),
        ),
        (
            "largest decode batch",
            number(a.largest_batch, "{:.0f}"),
            number(b.largest_batch, "{:.0f}"),
        ),
        ("prefix-cache hit rate", number(a.hit_ratio, "{:.1%}"), number(b.hit_ratio, "{:.1%}")),
    ]
    # the cache's size stands above whether it differs or not
    rows += [
        (difference.name, difference.baseline, difference.candidate)
        for difference in comparison.differences
        if difference.name != _KV_CACHE
    ]
    return rows
