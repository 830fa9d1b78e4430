"""What the matched-load rules share: their settings, and the labels that they compare by."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from exporter.base.unit_fields import Duration, PrometheusDuration
from exporter.base.unit_fields import Share as AnyShare
from exporter.base.units import parse_duration
from exporter.vocabulary.family import PREFIX
from exporter.vocabulary.verdict import Measure

from ..promql import label_list, series

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[AnyShare, Field(gt=0, lt=1)]

UNITS: Final[Mapping[Measure, tuple[str, str]]] = {
    "decode": ("decode_sequence_seconds", "decode_tokens"),
    "prefill": ("finished_prefill_seconds", "finished_prefill_tokens"),
    "time_to_first_token": ("first_token_seconds", "first_tokens"),
    "energy": ("joules", "metered_decode_tokens"),
}
"""Measures that have a curve over the load; the others are plain ratios of a server.

Each with its time per unit of work, and the work it is weighted by: cell counters without prefix
and suffix.
"""


class Settings(BaseModel):
    """How releases are compared at equal load: `matched` of values.yaml, its numbers' only home.

    `interval` is that of the rules and of the windows they look at, `before` how much of a
    server's own past is its baseline, `after` how much of the candidate is judged, `keep` how
    long a baseline outlives its release. `floor` and `floor_alone` are standard deviations of
    comparisons of a version with itself, with servers of the old release beside and without;
    `floor_moved` adds to the latter for each unit that the mean of ln(batch) moved.
    `margin` is the change that matters, `margin_prefill` that of prefill time, which the load
    tells less of. `coverage` is the share of the candidate's work that must be compared,
    `coverage_beside` that share where servers of the old release run beside: a large loss moves
    the load itself.
    `pinned` names baselines by labels, each with a `release`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval: PrometheusDuration
    curve_interval: PrometheusDuration
    before: PrometheusDuration
    after: PrometheusDuration
    keep: PrometheusDuration
    warm_up: Annotated[Duration, Field(ge=0)]
    margin: Share
    margin_prefill: Share
    floor: Positive
    floor_alone: Positive
    floor_moved: Annotated[float, Field(ge=0)]
    coverage: Annotated[AnyShare, Field(gt=0)]
    coverage_beside: Annotated[AnyShare, Field(gt=0)]
    overlap: Annotated[Duration, Field(gt=0)]
    trim: Positive
    cell_time: Annotated[Duration, Field(gt=0)]
    cell_share: Annotated[float, Field(ge=0)]
    spread: Positive
    pinned: tuple[dict[str, str], ...]
    selector: str = ""
    keep_labels: tuple[str, ...] = ()

    @property
    def window(self) -> float:
        """The length of a window in seconds."""
        return parse_duration(self.interval)

    def margin_of(self, measure: Measure) -> float:
        """Return the change of a measure that matters, as a share."""
        return self.margin_prefill if measure == "prefill" else self.margin

    def labels(self, *more: str) -> str:
        """Return a label list: what must be equal to compare servers, then `more`."""
        return self.model_labels("gpu_model", "class", *more)

    def model_labels(self, *more: str) -> str:
        """Return a label list: one model on one engine in whatever class, then `more`."""
        return label_list(*self.keep_labels, "engine", "model", *more)

    def target_labels(self) -> str:
        """Return a label list: what sets one server apart."""
        return label_list(*self.keep_labels, "target")

    def metric(self, name: str, *matchers: str) -> str:
        """Return a selector of one of the exporter's series, by its name without prefix."""
        return series(f"{PREFIX}{name}", *matchers, self.selector)

    def info(self) -> str:
        """Return a selector of the servers whose release is known."""
        return self.metric("server_info", 'release!=""')
