"""The result of a comparison, as data: what `--json` prints and every report is written from.

Ratios are candidate over baseline, above 1 better for the user; unknown is null. The JSON schema
is published as docs/compare.schema.json.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ...vocabulary.verdict import Measure, Verdict
from ..estimate.design import Kind

SCHEMA_VERSION = 1


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gate(_Model):
    """One check made before anything is estimated.

    `outcome`: passed, corrected (differs, and the estimate allows for it), noted (may explain an
    effect), or failed (not comparable). `mend` says what to do about it.
    """

    name: str
    outcome: Literal["passed", "corrected", "noted", "failed"]
    text: str
    mend: str = ""


class Estimate(_Model):
    """A ratio with its 95 % interval; `stderr` is that of its log."""

    ratio: float
    lower: float
    upper: float
    stderr: float


class Needed(_Model):
    """About how much more data would settle an inconclusive verdict; null where none would."""

    servers: int | None
    hours: float | None


class RangeEffect(_Model):
    """The effect in a range of decode batch, above `low` up to `high`, and its share of tokens."""

    low: float
    high: float
    verdict: Verdict
    estimate: Estimate | None
    share: float
    seen: float | None = None


class RegimeEffect(_Model):
    """The effect on the candidate's windows above or below its median prefill share or context."""

    name: str
    verdict: Verdict
    estimate: Estimate


class MeasureResult(_Model):
    """One measure. `detectable` is the relative effect that would be found in 80 % of cases.

    `coverage` is the share of the candidate's work done at loads the baseline also saw. `seen` is
    the ratio the windows show where no interval can be given: a description, no estimate.
    `because` and `mend` are sentences where the verdict needs one.
    """

    measure: Measure
    verdict: Verdict
    estimate: Estimate | None = None
    seen: float | None = None
    p_value: float | None = None
    detectable: float | None = None
    coverage: float | None = None
    extrapolated: bool = False
    because: str = ""
    mend: str = ""
    needed: Needed | None = None
    ranges: tuple[RangeEffect, ...] = ()
    cells: tuple[RangeEffect, ...] = ()
    regimes: tuple[RegimeEffect, ...] = ()


class CurvePoint(_Model):
    """One side's mean in a batch cell: batch, ms per token, tokens/s per GPU, share of its time."""

    batch: float
    milliseconds: float
    tokens_per_second: float
    tokens_per_second_per_gpu: float | None
    time_share: float


class Side(_Model):
    """One side: what it is, how much of it was seen, and its curve."""

    releases: tuple[str, ...]
    versions: tuple[str, ...]
    servers: int
    hours: float
    kv_capacity_tokens: float | None
    largest_batch: float | None
    hit_ratio: float | None
    throughput_per_gpu: float | None
    token_seconds: float | None
    curve: tuple[CurvePoint, ...]


class TimelinePoint(_Model):
    """Mean log speed index of each side in a time block that begins at `time` (Unix seconds)."""

    time: float
    baseline: float | None
    candidate: float | None


class Difference(_Model):
    """A setting that differs between the sides."""

    name: str
    baseline: str
    candidate: str


class PhaseRatio(_Model):
    """A load phase of two recordings: the load client's ratio of tokens/s, and the cells' own.

    `cells` is the ratio of tokens per second of request time: the time sequences decoded plus the
    time requests waited for their first token. A client that keeps so many requests open sees its
    throughput change by just that.
    """

    phase: str
    client: float
    cells: float


class Claim(_Model):
    """A promise held against what was found; `holds` is null where the interval cannot tell."""

    claimed: float
    holds: bool | None
    text: str
    ranges: tuple[str, ...]


class Comparison(_Model):
    """One model on one kind of GPU in one layout; `engine` is the candidate's."""

    engine: str
    model: str
    gpu_model: str
    server_class: str
    design: Kind | None
    headline: str
    verdict: Verdict
    gates: tuple[Gate, ...]
    measures: tuple[MeasureResult, ...]
    naive_throughput: float | None
    naive_latency: float | None
    baseline: Side
    candidate: Side
    differences: tuple[Difference, ...]
    causes: tuple[str, ...]
    timeline: tuple[TimelinePoint, ...]
    started: float | None
    phases: tuple[PhaseRatio, ...] = ()
    claim: Claim | None = None


class Report(_Model):
    """Everything one run found."""

    schema_version: int = SCHEMA_VERSION
    inferfleet_version: str
    generated_at: float
    source: str
    baseline: str
    candidate: str
    margin: float
    error: float
    window_seconds: float
    begin: float | None
    end: float | None
    headline: str
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
