"""The rows of a report's tables, as text: what terminal, Markdown and HTML share. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ...base.units import format_duration
from ...vocabulary.verdict import MEASURES, VERDICTS, Verdict
from ..assess.result import Comparison, MeasureResult, RangeEffect
from ..assess.wording import batch_range, change_and_interval, detectable_effect

DETECTABLE = "detectable: the smallest change that would be called in four of five cases"
OUTSIDE = (
    "a measure and its parts are estimated each for itself, with effects of server and hour of its "
    "own, so the whole may lie outside its parts"
)
_MIN_OUTSIDE = 0.0005
_COLUMNS = "change", "interval", "detectable", "verdict"
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


@dataclass(frozen=True, slots=True)
class EffectTable:
    """The rows of the measures, and the columns beside their names that say something.

    A column that is empty, or repeats in every row that nothing can be compared, says nothing.
    """

    rows: tuple[EffectRow, ...]
    has_whole_outside: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, each a field of a row."""
        empty = ("", "not_comparable")
        return tuple(
            name for name in _COLUMNS if any(getattr(row, name) not in empty for row in self.rows)
        )

    @property
    def legend(self) -> tuple[str, ...]:
        """What the heads and numbers do not say themselves, in sentences."""
        sentences = (DETECTABLE,) if "detectable" in self.columns else ()
        return (*sentences, OUTSIDE) if self.has_whole_outside else sentences


def effect_table(comparison: Comparison) -> EffectTable:
    """Return the table of the measures, each followed by its batch ranges and subgroups."""
    outside = any(map(_lies_outside, comparison.measures))
    return EffectTable(tuple(_effect_rows(comparison)), outside)


def _lies_outside(measure: MeasureResult) -> bool:
    """Whether a measure lies outside its batch ranges, or outside the halves of a subgroup."""
    overall = _ratio(measure)
    ranges = [_ratio(part) for part in measure.ranges]
    halves = [part.estimate.ratio for part in measure.subgroups]
    parts = [ranges] if len(ranges) > 1 and None not in ranges else []
    for group in (*parts, *zip(halves[::2], halves[1::2], strict=False)):
        ratios = [ratio for ratio in group if ratio is not None]
        if overall is not None and not (
            min(ratios) - _MIN_OUTSIDE <= overall <= max(ratios) + _MIN_OUTSIDE
        ):
            return True
    return False


def _ratio(effect: MeasureResult | RangeEffect) -> float | None:
    return effect.estimate.ratio if effect.estimate else effect.observed_ratio


def cells(row: EffectRow, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of a row in some columns."""
    return tuple(
        VERDICTS[row.verdict] if name == "verdict" else getattr(row, name) for name in columns
    )


def _effect_rows(comparison: Comparison) -> Iterator[EffectRow]:
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
        (
            "runs" if comparison.design == "replicates" else "servers",
            str(a.servers),
            str(b.servers),
        ),
        ("data", format_duration(3600 * a.hours), format_duration(3600 * b.hours)),
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
