"""The Upgrade dashboard: a candidate release against a baseline, at equal load."""

from typing import Any, Final

from alerts.values import Judgement

from ..grafana import uids
from ..grafana.columns import Column
from ..grafana.panels import Row, dashboard, stat, state_timeline, table, time_series
from ..grafana.style import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, color_override, field_override
from ..grafana.variables import UPGRADE_VARIABLES
from ..queries import upgrade as queries
from ..queries.base import Query
from .shared import TOKENS_PER_SECOND
from .upgrade_gates import gates
from .verdicts import PERCENT_COLUMN, VERDICT_COLUMN, panel_title, verdict_colors

_BAND: Final = [
    field_override(
        "interval to",
        custom__fillBelowTo="interval from",
        custom__lineWidth=0,
        custom__fillOpacity=18,
        color={"mode": "fixed", "fixedColor": BLUE},
    ),
    field_override(
        "interval from", custom__lineWidth=0, color={"mode": "fixed", "fixedColor": BLUE}
    ),
    color_override("judged", BLUE),
    color_override("promised", YELLOW, dashed=True),
    color_override("naive.*", GREY, regex=True, dashed=True),
]


def _ratio(
    title: str, description: str, *lines: Query, margin: float, size: tuple[int, int]
) -> Any:
    """Return a panel of candidate over baseline in time, as figures around 100 %.

    The changes that matter, `margin` as a share, are dashed lines.
    """
    return time_series(
        title,
        f"{description} Dashed: the margin of {100 * margin:g} %.",
        *lines,
        unit="percentunit",
        minimum=None,
        soft_maximum=1 + 2 * margin,
        soft_minimum=1 - 2 * margin,
        decimals=1,
        thresholds=(("transparent", None), (RED, 1 - margin), (GREEN, 1 + margin)),
        legend="list",
        overrides=_BAND,
        no_value="no verdict on this measure",
        size=size,
    )


_NOT_JUDGED: Final = "no verdict on these two: is a judge deployed (docs/regressions.md)?"


def _verdict() -> Row:
    return Row(
        "Verdict: $release against $baseline, $model on $gpu_model",
        [
            stat(
                "Verdicts",
                "One for each measure, at equal load, by inferfleet judge. regression: stop the "
                "rollout. equivalent: go on. inconclusive: wait for more servers or hours. "
                "not_comparable: the gates below say why. Without a judge the panels below the "
                "verdicts still show what each release did.",
                queries.VERDICT,
                text_mode="name",
                background=True,
                size=(24, 4),
                overrides=verdict_colors(),
                no_value=_NOT_JUDGED,
            ),
            table(
                "Measures",
                "Candidate over baseline: below 100 % is worse for users, whatever the measure. "
                "Coverage is the share of the candidate's work at loads that the baseline also "
                "had; with little of it, the verdict speaks for little.",
                Column("Measure", label="measure"),
                Column("Ratio", queries.RATIO, settings=PERCENT_COLUMN),
                Column("From", queries.LOWER, settings=PERCENT_COLUMN),
                Column("To", queries.UPPER, settings=PERCENT_COLUMN),
                Column("Verdict", queries.VERDICT, label="verdict", settings=VERDICT_COLUMN),
                Column(
                    "Coverage", queries.COVERAGE, settings={"unit": "percentunit", "decimals": 0}
                ),
                size=(24, 8),
                sort_by=("Ratio", False),
            ),
            table(
                "What it rests on",
                "Servers of each side, and the time by the clock that is compared. Two servers of "
                "each are the least; more servers narrow the interval more than more hours.",
                Column("Side", label="side"),
                Column("Servers", queries.SERVERS, settings={"decimals": 0}),
                Column("Time compared", queries.COMPARED, settings={"unit": "s"}),
                size=(12, 5),
            ),
            stat(
                "Confidence of the interval",
                "Higher than 95 %, because an upgrade is judged more than once, and each time is "
                "a chance to be wrong.",
                queries.LEVEL,
                unit="percentunit",
                decimals=1,
                size=(4, 5),
                no_value="no verdict",
            ),
            stat(
                "Age of the verdicts",
                "Since the judge last renewed them. Old verdicts stay here and fire no alert.",
                queries.JUDGE_AGE,
                unit="s",
                size=(4, 5),
                no_value="no verdict",
            ),
            stat(
                "Next answer",
                "When an upgrade without an answer may have it; empty where it has one, or where "
                "waiting does not help.",
                queries.ANSWER_EXPECTED,
                unit="dateTimeFromNow",
                size=(4, 5),
                no_value="none awaited",
            ),
        ],
    )


def _effects(settings: Judgement) -> Row:
    margin = settings.margin
    half, quarter = (12, 9), (6, 9)
    return Row(
        "Effect over time, beside the naive ratio and the promise",
        [
            # a promise stands beside speed only: that is what release notes promise
            _ratio(
                panel_title("decode"),
                "Tokens the GPUs can decode at equal load. The naive ratio is tokens per second "
                "now over the baseline's mean: below saturation it measures demand, so it may say "
                "the opposite.",
                *queries.measure("decode"),
                queries.naive("throughput"),
                queries.CLAIM,
                margin=margin,
                size=half,
            ),
            _ratio(
                panel_title("prefill"),
                "Prompt tokens computed per second of prefill at equal load. Decode may fall while "
                "this rises: judge them apart.",
                *queries.measure("prefill"),
                queries.CLAIM,
                margin=margin,
                size=half,
            ),
            _ratio(
                panel_title("inter_token_latency"),
                "Baseline's time over the candidate's at equal demand; the naive ratio mixes in "
                "what traffic did meanwhile.",
                *queries.measure("inter_token_latency"),
                queries.naive("inter_token_latency"),
                queries.CLAIM,
                margin=margin,
                size=quarter,
            ),
            _ratio(
                panel_title("hit_ratio"),
                "Candidate's over baseline's. A step with the same traffic: see the registered "
                "meaning changes below before blaming the cache.",
                *queries.measure("hit_ratio"),
                margin=margin,
                size=quarter,
            ),
            _ratio(
                panel_title("speculation"),
                "Candidate's over baseline's; it needs speculative decoding.",
                *queries.measure("speculation"),
                margin=margin,
                size=quarter,
            ),
            _ratio(
                panel_title("energy"),
                "Baseline's joules per token over the candidate's at equal load; it needs GPU "
                "telemetry.",
                *queries.measure("energy"),
                margin=margin,
                size=quarter,
            ),
        ],
    )


def _cells() -> Row:
    seconds = {"unit": "s", "decimals": 1}
    two_decimals = {"decimals": 2}
    return Row(
        "Load cell by load cell",
        [
            table(
                "Cells",
                "Each row is a range of decode batch. Regressions are narrow: a ratio that falls "
                "in a few cells with work is one. The plain ratio is the old time of a token over "
                "the new one in the time shown, whatever the prefill and context beside it; the "
                "judge's ratios correct for these, and need a judge.",
                Column(
                    "Batch up to",
                    label="batch",
                    numeric=True,
                    settings={"unit": "none", "custom__width": 110},
                ),
                Column("Plain ratio", queries.plain_cell_ratio(), settings=PERCENT_COLUMN),
                Column("Decode, judged", queries.cell_ratio("decode"), settings=PERCENT_COLUMN),
                Column("Prefill, judged", queries.cell_ratio("prefill"), settings=PERCENT_COLUMN),
                Column("Work there", queries.cell_work("decode"), settings=PERCENT_COLUMN),
                Column("Token takes, old", queries.cell_time("baseline"), settings=seconds),
                Column("Token takes, new", queries.cell_time("release"), settings=seconds),
                Column("Time there, old", queries.cell_seconds("baseline"), settings=seconds),
                Column("Time there, new", queries.cell_seconds("release"), settings=seconds),
                Column(
                    "Prefill each, old", queries.cell_prefill("baseline"), settings=two_decimals
                ),
                Column("Prefill each, new", queries.cell_prefill("release"), settings=two_decimals),
                size=(24, 13),
                sort_by=("Batch up to", False),
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
                Column("Mean batch", queries.LOAD_BATCH, settings={"decimals": 1}),
                Column("Prefill per token", queries.LOAD_PREFILL, settings={"decimals": 2}),
                Column("Context, tokens", queries.LOAD_CONTEXT, settings={"decimals": 0}),
                Column("Time with a queue", queries.LOAD_SATURATED, settings=PERCENT_COLUMN),
                Column("Decoded tok/s per GPU", queries.LOAD_TOKENS, settings={"decimals": 0}),
                Column("Drafts accepted", queries.LOAD_ACCEPTED, settings=PERCENT_COLUMN),
                Column("Joules per token", queries.LOAD_JOULES, settings={"decimals": 2}),
                size=(24, 5),
            ),
            time_series(
                "Batch occupancy",
                "Requests running over those that may run, by release.",
                queries.OCCUPANCY,
                unit="percentunit",
                maximum=1,
                size=(8, 8),
            ),
            time_series(
                "Prefix-cache hit rate",
                "By release. It changes prefill work, hence every latency.",
                queries.HIT_RATIO,
                unit="percentunit",
                maximum=1,
                size=(8, 8),
            ),
            time_series(
                "Generated tokens per second and GPU",
                "The naive picture: it follows demand. Judge by the ratios above, not by this.",
                queries.TOKENS_PER_GPU,
                unit=TOKENS_PER_SECOND,
                size=(8, 8),
            ),
            time_series(
                "Time to first token, mean",
                "At whatever load each release had: a step here may be traffic. The ratios above "
                "are not.",
                queries.FIRST_TOKEN,
                unit="s",
                size=(8, 8),
            ),
            time_series(
                "Time between tokens, mean",
                "At whatever load each release had: a step here may be traffic. The ratios above "
                "are not.",
                queries.BETWEEN_TOKENS,
                unit="s",
                size=(8, 8),
            ),
            time_series(
                "Joules per generated token",
                "At whatever load each release had: a step here may be traffic. The ratios above "
                "are not.",
                queries.JOULES,
                unit="joule",
                size=(8, 8),
            ),
        ],
    )


def _rollout() -> Row:
    return Row(
        "Rollout",
        [
            time_series(
                "Servers by release",
                "A rollout that stands still halfway is worth asking about.",
                queries.ROLLOUT,
                unit="none",
                decimals=0,
                stacked=True,
                size=(8, 9),
            ),
            state_timeline(
                "Workload by workload",
                "Which of the two releases each workload ran, and when it changed; a server that "
                "belongs to none is a row of its own.",
                queries.RELEASE_OF_WORKLOAD,
                states={
                    1: ("baseline", ORANGE),
                    2: ("candidate", BLUE),
                    3: ("both", YELLOW),
                },
                no_value=f"more than {queries.MOST_ROWS} workloads: choose some under Workload",
                size=(16, 9),
            ),
        ],
    )


def build(settings: Judgement) -> dict[str, Any]:
    """Return the Upgrade dashboard."""
    return dashboard(
        uids.UPGRADE,
        "Upgrade",
        "A candidate release against a baseline at equal load: effect, interval, verdict, reasons.",
        UPGRADE_VARIABLES,
        [_verdict(), _effects(settings), _cells(), _shift(), gates(), _rollout()],
        time_from="now-24h",
    )
