"""The result of a comparison, as data: what `--json` prints and every report is written from.

Ratios are candidate over baseline, above 1 better for the user; unknown is null. The JSON schema
is published as docs/compare.schema.json.
"""

from math import inf
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from ...vocabulary.verdict import Design, Measure, Reason, Verdict

SCHEMA_VERSION = 2


UpperBound = Annotated[
    float,
    BeforeValidator(lambda bound: inf if bound is None else bound),
    WithJsonSchema({"type": ["number", "null"]}),
]
"""A bound that is infinite where there is none, which JSON has no number for: null there."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(_Model):
    """One check made before anything is estimated.

    `outcome`: passed, corrected (differs, and the estimate allows for it), noted (may explain an
    effect), or failed (not comparable). `remedy` says what to do about it.
    """

    name: str
    outcome: Literal["passed", "corrected", "noted", "failed"]
    text: str
    remedy: str = ""


class Estimate(_Model):
    """A ratio with its confidence interval; `stderr` is the standard error of its logarithm."""

    ratio: float
    lower: float
    upper: float
    stderr: float


class RequiredSampleSize(_Model):
    """About how much data would settle an inconclusive verdict; null where none would.

    `servers` are those of each side (runs, where recordings are compared), `hours` those of the
    candidate.
    """

    servers: int | None
    hours: float | None


class RangeEffect(_Model):
    """The effect in a range of decode batch, above `low` up to `high`, null for no upper bound.

    `token_share` is the range's share of the candidate's matched tokens; `observed_ratio` as in a
    measure.
    """

    low: float
    high: UpperBound
    verdict: Verdict
    estimate: Estimate | None
    token_share: float
    observed_ratio: float | None = None


class SubgroupEffect(_Model):
    """The effect on the candidate's windows above or below its median prefill share or context."""

    name: str
    verdict: Verdict
    estimate: Estimate


class RunSpread(_Model):
    """By how much the slower of two runs of one side is slower (0.02 for 2 %), null for one run.

    Over more than two runs it is the root mean square of all pairs.
    """

    baseline: float | None
    candidate: float | None


class SpreadSource(_Model):
    """What something says of how nodes differ: `deviation` is a standard deviation of log speeds.

    `assumed` is what is taken before any server is looked at, `other_servers` are those of the
    model and GPU that are not compared, with their releases, `compared_servers` those that are.
    `degrees_of_freedom` is what it counts for.
    """

    source: Literal["assumed", "other_servers", "compared_servers"]
    deviation: float
    degrees_of_freedom: float
    servers: int | None = None
    releases: tuple[str, ...] = ()


class NodeSpread(_Model):
    """By how much nodes are taken to differ where the release does nothing, and what says so.

    `between` is what differs: machines, where no node has a past of its own, else the starts of
    one machine. `past_release` is the one that all compared nodes ran before, where each is set
    against its own speed under it. `deviation` and `degrees_of_freedom` are those of all sources
    together.
    """

    between: Literal["machines", "starts"]
    past_release: str | None = None
    deviation: float
    degrees_of_freedom: float
    sources: tuple[SpreadSource, ...]


class MeasureResult(_Model):
    """One measure.

    `minimum_detectable_effect` is the relative effect that would be detected in 80 % of cases.
    `coverage` is the share of the candidate's work done at loads the baseline also had.
    `observed_ratio` is the ratio the windows show where no interval can be given: a description,
    no estimate. `direction_only` is true where the direction is called and the size is not known.
    `node_spread` is what its interval rests on; `run_spread` is what recorded runs of one side
    differ by, null where there are no recordings.
    `reason` and `remedy` are sentences where the verdict needs them, `reason_code` is the word for
    such a reason.
    """

    measure: Measure
    verdict: Verdict
    estimate: Estimate | None = None
    observed_ratio: float | None = None
    p_value: float | None = None
    minimum_detectable_effect: float | None = None
    coverage: float | None = None
    direction_only: bool = False
    reason: str = ""
    reason_code: Reason | None = None
    remedy: str = ""
    required_sample_size: RequiredSampleSize | None = None
    node_spread: NodeSpread | None = None
    run_spread: RunSpread | None = None
    ranges: tuple[RangeEffect, ...] = ()
    cells: tuple[RangeEffect, ...] = ()
    subgroups: tuple[SubgroupEffect, ...] = ()


class CurvePoint(_Model):
    """One side's mean in a batch cell; `time_share` is the cell's share of the side's time."""

    batch: float
    milliseconds_per_token: float
    tokens_per_second: float
    tokens_per_second_per_gpu: float | None
    time_share: float


class Side(_Model):
    """One side: what it is, how much data it has, and its curve. Tokens are decoded ones."""

    releases: tuple[str, ...]
    versions: tuple[str, ...]
    servers: int
    hours: float
    kv_cache_capacity_tokens: float | None
    largest_batch: float | None
    hit_ratio: float | None
    tokens_per_second_per_gpu: float | None
    seconds_per_token: float | None
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


class PhaseLatency(_Model):
    """A latency that the load client measured in a phase, in seconds.

    `baseline` and `candidate` are the geometric means over the side's runs of each run's mean,
    `ratio` is theirs and `estimate` has its interval, null where a side has a single run.
    """

    name: str
    baseline: float
    candidate: float
    ratio: float
    estimate: Estimate | None
    run_spread: RunSpread


class PhaseEffect(_Model):
    """A load phase of recorded runs: what the load client measured, and the cells' own ratio.

    `baseline_rate` and `candidate_rate` are the geometric means over the side's runs of the
    client's tokens/s, `client_ratio` is their ratio and `estimate` has its interval, null where a
    side has a single run. The verdict holds beside those of the other phases (Holm). `cells_ratio`
    is the ratio of tokens per second of request time: the time sequences decoded plus the time
    requests waited for their first token. A client that keeps so many requests open sees its
    throughput change by just that; `cells_estimate` has its interval. `latencies` are the client's,
    none where it measured none; they have no verdict.
    """

    phase: str
    verdict: Verdict
    baseline_rate: float
    candidate_rate: float
    client_ratio: float
    estimate: Estimate | None
    p_value: float | None
    run_spread: RunSpread
    cells_ratio: float | None
    cells_estimate: Estimate | None = None
    latencies: tuple[PhaseLatency, ...] = ()


class Run(_Model):
    """A recorded run: its side, and its speed at equal load over the mean of the baseline's runs.

    `decode_ratio` and `energy_ratio` (tokens per joule) are null where the run has no such work at
    loads the others had; `joules_per_token` is that of the whole run, rests between loads included,
    null where its GPU was not sampled.
    """

    name: str
    side: Literal["baseline", "candidate"]
    decode_ratio: float | None
    energy_ratio: float | None
    joules_per_token: float | None


class Claim(_Model):
    """A claimed ratio checked against the estimate; `holds` is null where the interval is too wide.

    `details` has a line for each batch range and subgroup.
    """

    claimed_ratio: float
    holds: bool | None
    text: str
    details: tuple[str, ...]


class Comparison(_Model):
    """One model on one kind of GPU in one layout; `engine` is the candidate's.

    The design is `replicates` where recorded runs are compared; `phases` and `runs` are theirs.

    The naive ratios are those of all work whatever the load. `candidate_start` is the Unix time of
    the candidate's first window that is used, `ready_at` the one up to which data can be enough
    where they are not yet, null where more time alone does not help, `answer_at` the one at which a
    judge that goes on can answer, null where it has or may never. `external_labels` are those of
    its cluster, empty where there are none, or where the baseline ran in another one. `place` is
    the namespace and the workload of the candidate, each where all of its servers have the same.
    `alpha` is the significance level of its intervals: of one look, where it is asked again and
    again. `decided_at` is when a judge decided its verdict (Unix seconds), which stays.
    """

    engine: str
    model: str
    gpu_model: str
    server_class: str
    design: Design | Literal["replicates"] | None
    headline: str
    verdict: Verdict
    checks: tuple[Check, ...]
    measures: tuple[MeasureResult, ...]
    naive_throughput: float | None
    naive_inter_token_latency: float | None
    baseline: Side
    candidate: Side
    differences: tuple[Difference, ...]
    hit_ratio_causes: tuple[str, ...]
    timeline: tuple[TimelinePoint, ...]
    candidate_start: float | None
    ready_at: float | None = None
    answer_at: float | None = None
    phases: tuple[PhaseEffect, ...] = ()
    runs: tuple[Run, ...] = ()
    external_labels: dict[str, str] = {}
    place: dict[str, str] = {}
    alpha: float = 0.05
    decided_at: float | None = None
    claim: Claim | None = None


class Report(_Model):
    """The result of one run.

    `baseline` and `candidate` are the sides as label matchers or as names of recordings, `alpha` is
    the significance level, `start` and `end` are the time range in Unix seconds.
    """

    schema_version: int = SCHEMA_VERSION
    inferfleet_version: str
    generated_at: float
    source: str
    baseline: str
    candidate: str
    margin: float
    alpha: float
    window_seconds: float
    start: float | None
    end: float | None
    headline: str
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
