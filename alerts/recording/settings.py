"""What the matched-load rules share: their settings, label lists and small PromQL phrases."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from exporter.vocabulary.verdict import Measure

Duration = Annotated[str, Field(pattern=r"^[0-9]+(s|m|h|d|w)$")]
Positive = Annotated[float, Field(gt=0)]

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
    """How releases are compared at equal load.

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

    interval: Duration = "4m"
    curve_interval: Duration = "30m"
    before: Duration = "1d"
    after: Duration = "1d"
    keep: Duration = "14d"
    warm_up_seconds: Annotated[float, Field(ge=0)] = 3600.0
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.03
    margin_prefill: Annotated[float, Field(gt=0, lt=1)] = 0.05
    floor: Positive = 0.004
    floor_alone: Positive = 0.004
    floor_moved: Annotated[float, Field(ge=0)] = 0.007
    coverage: Annotated[float, Field(gt=0, le=1)] = 0.5
    coverage_beside: Annotated[float, Field(gt=0, le=1)] = 0.2
    overlap_seconds: Positive = 7200.0
    trim: Positive = 0.05
    cell_hours: Positive = 0.8
    cell_share: Annotated[float, Field(ge=0)] = 0.5
    spread: Positive = 4.0
    pinned: tuple[dict[str, str], ...] = ()
    selector: str = ""
    keep_labels: tuple[str, ...] = ()

    @property
    def seconds(self) -> int:
        """The length of a window."""
        return seconds_of(self.interval)

    def group(self, *more: str) -> str:
        """Return a label list: what must be equal to compare, then `more`."""
        names = (*self.keep_labels, "engine", "model", "gpu_model", "class", *more)
        return f"({', '.join(dict.fromkeys(names))})"

    def margin_of(self, measure: Measure) -> float:
        """Return the change of a measure that matters, as a share."""
        return self.margin_prefill if measure == "prefill" else self.margin

    def kind(self, *more: str) -> str:
        """Return a label list: what one engine serves of one model in whatever class, `more`."""
        return f"({', '.join(dict.fromkeys((*self.keep_labels, 'engine', 'model', *more)))})"

    def metric(self, name: str, *matchers: str) -> str:
        """Return a selector of one of the exporter's series, by its name without prefix."""
        return pick(f"inferfleet_{name}", *matchers, self.selector)

    def info(self) -> str:
        """Return a selector of the servers whose release is known."""
        return self.metric("server_info", 'release!=""')


def seconds_of(duration: str) -> int:
    """Return a duration in seconds."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[duration[-1]]


def pick(name: str, *matchers: str) -> str:
    """Return a selector with those of the matchers that are not empty."""
    found = ", ".join(filter(None, matchers))
    return f"{name}{{{found}}}" if found else name


def either(expressions: Iterable[str]) -> str:
    """Return the union of expressions, the first winning where labels are the same."""
    return "\nor\n".join(expressions)


def part(name: str, of: str) -> str:
    """Return a selector of one of the series that share a name, told apart by the label `of`."""
    return pick(name, f'of="{of}"')
