"""The Upgrade dashboard: a candidate release against a baseline, at equal load."""

from typing import Any, Final

from exporter.engines.catalog import ENGINES, load

from ..grafana import uids
from ..grafana.panels import Row, dashboard, stat, states, table, text, timeseries
from ..grafana.style import BLUE, GREEN, GREY, ORANGE, YELLOW, Column, fixed, looks, stepped
from ..grafana.variables import UPGRADE
from ..queries import upgrade as q
from ..queries.base import Query
from .shared import BACKGROUND, RATIO_CELL, TOKENS, reason_cells, verdict_cells, verdict_colors

PERCENT: Final = {"unit": "percentunit", "decimals": 1}
RATIO_LOOK: Final = {
    **PERCENT,
    "custom__cellOptions": BACKGROUND,
    "thresholds": stepped(RATIO_CELL),
}
VERDICT_LOOK: Final = {
    "mappings": [verdict_cells()],
    "custom__cellOptions": {"type": "color-text"},
}
_BAND: Final = [
    looks(
        "95 % to",
        custom__fillBelowTo="95 % from",
        custom__lineWidth=0,
        custom__fillOpacity=18,
        color={"mode": "fixed", "fixedColor": BLUE},
    ),
    looks("95 % from", custom__lineWidth=0, color={"mode": "fixed", "fixedColor": BLUE}),
    fixed("at equal load", BLUE),
    fixed("promised", YELLOW, dashed=True),
    fixed("naive.*", GREY, regex=True, dashed=True),
    fixed("judge", GREEN, dashed=True),
]


def _ratio(title: str, description: str, *queries: Query, size: tuple[int, int]) -> Any:
    """Return a panel of candidate over baseline in time, as figures around 100 %."""
    return timeseries(
        title,
        description,
        *queries,
        unit="percentunit",
        low=None,
        soft=1.2,
        soft_low=0.8,
        decimals=0,
        legend="list",
        overrides=_BAND,
        size=size,
    )


def _verdict() -> Row:
    return Row(
        "Verdict: $release against $baseline, $model on $gpu_model",
        [
            stat(
                "Verdicts",
                "One for each measure, at equal load. regression: stop the rollout. equivalent: go "
                "on. inconclusive: wait for more servers or hours. not_comparable: the gates below "
                "say why.",
                q.VERDICTS,
                text="name",
                filled=True,
                size=(24, 4),
                overrides=verdict_colors(),
                nothing="these two releases have not run comparably yet",
            ),
            stat(
                "Verdicts of inferfleet judge",
                "The same question put to the full method on a schedule; where the two differ, "
                "believe this one.",
                q.JUDGED,
                text="name",
                filled=True,
                size=(24, 3),
                overrides=verdict_colors(),
                nothing="inferfleet judge does not run",
            ),
            table(
                "Measures",
                "Candidate over baseline: below 100 % is worse for users, whatever the measure. "
                "Coverage is the share of the candidate's work in load cells that both visited; "
                "with little of it, the verdict speaks for little.",
                Column("Measure", label="measure"),
                Column("Ratio", q.RATIO, settings=RATIO_LOOK),
                Column("95 % from", q.LOWER, settings=PERCENT),
                Column("95 % to", q.UPPER, settings=PERCENT),
                Column("Verdict", q.VERDICT, label="verdict", settings=VERDICT_LOOK),
                Column("Error of the log", q.STDERR, settings={"decimals": 3}),
                Column("Overlap", q.OVERLAP, settings={"unit": "s"}),
                Column("Coverage", q.COVERAGE, settings={"unit": "percentunit", "decimals": 0}),
                Column("Servers, new", q.SERVERS_NEW),
                Column("Servers, old", q.SERVERS_OLD),
                Column("Cells left out", q.LEFT_OUT),
                size=(24, 8),
                worst=("Ratio", False),
            ),
        ],
    )


def _effects() -> Row:
    third, quarter = (8, 9), (6, 9)
    return Row(
        "Effect over time, beside the naive ratio and the promise",
        [
            # a promise stands beside speed only: that is what release notes promise
            _ratio(
                "Decode capacity",
                "Tokens the GPUs can decode at equal load. The naive ratio is tokens per second "
                "now over then: below saturation it measures demand, so it may say the opposite.",
                *q.measure("decode"),
                q.naive("throughput"),
                q.judged("decode"),
                q.CLAIM,
                size=third,
            ),
            _ratio(
                "Prefill capacity",
                "Prompt tokens computed per second of prefill at equal load. Decode may fall while "
                "this rises: judge them apart.",
                *q.measure("prefill"),
                q.judged("prefill"),
                q.CLAIM,
                size=third,
            ),
            _ratio(
                "Time to first token",
                "Baseline's time over the candidate's at equal load, without a queue.",
                *q.measure("time_to_first_token"),
                q.CLAIM,
                size=third,
            ),
            _ratio(
                "Time between tokens",
                "Baseline's time over the candidate's. The judge's line is at equal demand; the "
                "naive ratio mixes in what traffic did meanwhile.",
                q.naive("inter_token_latency"),
                q.judged("inter_token_latency"),
                q.CLAIM,
                size=quarter,
            ),
            _ratio(
                "Prefix-cache hit rate",
                "Candidate's over baseline's. A step with the same traffic: see the registered "
                "meaning changes below before blaming the cache.",
                *q.measure("hit_ratio"),
                q.judged("hit_ratio"),
                size=quarter,
            ),
            _ratio(
                "Speculative acceptance",
                "Candidate's over baseline's; it needs speculative decoding.",
                *q.measure("speculation"),
                q.judged("speculation"),
                size=quarter,
            ),
            _ratio(
                "Energy",
                "Baseline's joules per token over the candidate's at equal load; it needs GPU "
                "telemetry.",
                *q.measure("energy"),
                q.judged("energy"),
                size=quarter,
            ),
        ],
    )


def _cells() -> Row:
    time = {"unit": "s", "decimals": 1}
    many = {"decimals": 2}
    return Row(
        "Load cell by load cell",
        [
            table(
                "Cells",
                "Each row is a range of decode batch. Regressions are narrow: a ratio that falls "
                "in a few cells with weight is one. A cell without a ratio was not seen by both, "
                "or they differ there in prefill: prompt tokens computed for each decoded one. "
                "Prefill itself is compared over all batches together.",
                Column("Batch up to", label="batch", numeric=True, settings={"unit": "none"}),
                Column("Decode ratio", q.cell_ratio("decode"), settings=RATIO_LOOK),
                Column("Weight", q.cell_weight("decode"), settings=PERCENT),
                Column(
                    "First-token ratio",
                    q.cell_ratio("time_to_first_token"),
                    settings=RATIO_LOOK,
                ),
                Column("Token takes, old", q.cell_time("baseline"), settings=time),
                Column("Token takes, new", q.cell_time("release"), settings=time),
                Column("Time there, old", q.cell_seconds("baseline"), settings=time),
                Column("Time there, new", q.cell_seconds("release"), settings=time),
                Column("Prefill each, old", q.cell_prefill("baseline"), settings=many),
                Column("Prefill each, new", q.cell_prefill("release"), settings=many),
                size=(24, 13),
                worst=("Batch up to", False),
            ),
        ],
    )


def _shift() -> Row:
    return Row(
        "Did the work change?",
        [
            table(
                "Work done by each release in the time shown",
                "Releases that did other work cannot be compared by plain averages. Large "
                "differences here are why the naive ratio errs.",
                Column("Release", label="release"),
                Column("Mean batch", q.LOAD_BATCH, settings={"decimals": 1}),
                Column("Prefill per token", q.LOAD_PREFILL, settings={"decimals": 2}),
                Column("Context, tokens", q.LOAD_CONTEXT, settings={"decimals": 0}),
                Column("Time with a queue", q.LOAD_SATURATED, settings=PERCENT),
                Column("Decoded tok/s per GPU", q.LOAD_TOKENS, settings={"decimals": 0}),
                Column("Drafts accepted", q.LOAD_ACCEPTED, settings=PERCENT),
                Column("Joules per token", q.LOAD_JOULES, settings={"decimals": 2}),
                size=(24, 5),
            ),
            timeseries(
                "Batch occupancy",
                "Requests running over those that may run, by release.",
                q.OCCUPANCY,
                unit="percentunit",
                high=1,
                size=(8, 8),
            ),
            timeseries(
                "Prefix-cache hit rate",
                "By release. It changes prefill work, hence every latency.",
                q.HIT_RATIO,
                unit="percentunit",
                high=1,
                size=(8, 8),
            ),
            timeseries(
                "Generated tokens per second and GPU",
                "The naive picture: it follows demand. Judge by the ratios above, not by this.",
                q.TOKENS_PER_GPU,
                unit=TOKENS,
                size=(8, 8),
            ),
            timeseries(
                "Time to first token, mean",
                "At whatever load each release had: a step here may be traffic. The ratios above "
                "are not.",
                q.FIRST_TOKEN,
                unit="s",
                size=(8, 8),
            ),
            timeseries(
                "Time between tokens, mean",
                "At whatever load each release had: a step here may be traffic. The ratios above "
                "are not.",
                q.BETWEEN_TOKENS,
                unit="s",
                size=(8, 8),
            ),
            timeseries(
                "Joules per generated token",
                "At whatever load each release had: a step here may be traffic. The ratios above "
                "are not.",
                q.JOULES,
                unit="joule",
                size=(8, 8),
            ),
        ],
    )


def _gates() -> Row:
    return Row(
        "May they be compared?",
        [
            table(
                "What stands in the way of a verdict",
                "Each line keeps a measure from being judged, and says what to do about it. Empty: "
                "nothing does.",
                Column("Measure", label="measure", settings={"custom__width": 110}),
                Column(
                    "Reason", q.REASONS, label="reason", settings={"mappings": [reason_cells()]}
                ),
                size=(24, 5),
            ),
            table(
                "Configurations",
                "One row for each configuration running. Another class cannot be compared at all; "
                "another config is a possible cause of what you see above.",
                Column("Release", label="release"),
                Column("Servers", q.CONFIGURATIONS),
                *(
                    Column(title, label=label)
                    for title, label in (
                        ("Engine", "engine"),
                        ("Version", "version"),
                        ("Runner", "runner"),
                        ("Quantisation", "quantization"),
                        ("KV dtype", "kv_cache_dtype"),
                        ("Role", "role"),
                        ("Class", "class"),
                        ("Config", "config"),
                    )
                ),
                size=(16, 7),
            ),
            table(
                "Limits and size",
                "What each release's servers may do at most. A changed limit is a changed server.",
                Column("Release", label="release"),
                Column("Sequences", q.limit("max_running_requests")),
                Column("Step tokens", q.limit("max_batched_tokens")),
                Column("GPUs", q.limit("gpus")),
                size=(8, 7),
            ),
            timeseries(
                "Youngest server",
                "Work of the first minutes after a start is left out of every comparison.",
                q.AGE,
                unit="s",
                size=(12, 7),
            ),
            timeseries(
                "Time left out of the comparison",
                "By reason. warm_up ends by itself; gap: the exporter misses samples; preempting: "
                "the servers are overloaded.",
                q.EXCLUDED,
                unit="s",
                size=(12, 7),
            ),
            text("Numbers that changed their meaning", _meanings(), size=(24, 10)),
        ],
    )


def _meanings() -> str:
    lines = [
        "A change applies when it lies after the baseline's version and not after the candidate's; "
        "what it forbids is then not compared.\n",
        "| engine | from | what changed | not compared |",
        "|---|---|---|---|",
    ]
    for engine in ENGINES:
        for change in sorted(load(engine).meanings, key=lambda one: one.at, reverse=True):
            forbids = ", ".join(change.forbids) or "no measure"
            lines.append(f"| {engine} | {change.at} | {change.changed} | {forbids} |")
    return "\n".join(lines)


def _rollout() -> Row:
    return Row(
        "Rollout",
        [
            timeseries(
                "Servers by release",
                "A rollout that stands still halfway is worth asking about.",
                q.ROLLOUT,
                unit="none",
                decimals=0,
                stacked=True,
                size=(8, 9),
            ),
            states(
                "Server by server",
                "Which of the two releases each server ran, and when it changed.",
                q.RELEASE_OF_SERVER,
                names={1: ("baseline", ORANGE), 2: ("candidate", BLUE)},
                nothing=f"more than {q.MOST_ROWS} servers: choose some under Server",
                size=(16, 9),
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the Upgrade dashboard."""
    return dashboard(
        uids.UPGRADE,
        "Upgrade",
        "A candidate release against a baseline at equal load: effect, interval, verdict, reasons.",
        UPGRADE,
        [_verdict(), _effects(), _cells(), _shift(), _gates(), _rollout()],
        span="now-24h",
    )
