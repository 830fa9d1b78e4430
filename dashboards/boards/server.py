"""The Server dashboard: one server, from its requests down to its cache and its GPUs."""

from typing import Any, Final

from ..grafana import uids
from ..grafana.panels import Row, dashboard, heatmap, stat, state_timeline, time_series
from ..grafana.style import BLUE, GREEN, ORANGE, RED, YELLOW, color_override, link, value_mapping
from ..grafana.variables import SERVER_VARIABLES
from ..queries import server as queries
from .server_features import features
from .server_latency import latency, tails
from .shared import (
    BOUND_COLORS,
    FULLNESS_THRESHOLDS,
    PER_SECOND,
    THIRD,
    TO_UPGRADE,
    TOKENS_PER_SECOND,
    UP,
    bound_colors,
)

# a good end must not be given the colour of a bad one
REASON_COLORS: Final = {
    "stop": GREEN,
    "length": BLUE,
    "repetition": YELLOW,
    "abort": ORANGE,
    "error": RED,
}


def _now() -> Row:
    return Row(
        "Now",
        [
            stat(
                "Up",
                "Whether the exporter reads the server's page. Down: the Exporter dashboard tells "
                "the reason.",
                queries.UP,
                mappings=[UP],
                background=True,
                thresholds=((RED, None), (GREEN, 1)),
                size=(2, 4),
            ),
            stat(
                "Release",
                "What runs there now. Click to compare it with the release before.",
                queries.RELEASE,
                text_mode="name",
                size=(4, 4),
                links=[TO_UPGRADE],
            ),
            stat(
                "Stalled",
                "Work, no progress, healthy answer. Yes: take it out of rotation and restart it. "
                "Perhaps: its gauges may be stale; send it a request.",
                queries.STALLED,
                mappings=[
                    value_mapping({0: ("no", GREEN), 1: ("perhaps", YELLOW), 2: ("yes", RED)})
                ],
                background=True,
                thresholds=((GREEN, None), (YELLOW, 1), (RED, 2)),
                size=(2, 4),
            ),
            stat(
                "Bound by",
                "What keeps it from doing more. demand is healthy; any other is a limit to raise "
                "or a reason to add servers.",
                queries.BOUND_NOW,
                text_mode="name",
                size=(3, 4),
                overrides=bound_colors(),
                no_value="unknown",
            ),
            stat(
                "tok/s per GPU",
                "Tokens generated per second and GPU over the exporter's window.",
                queries.TOKENS_PER_GPU,
                unit=TOKENS_PER_SECOND,
                sparkline=True,
            ),
            stat(
                "Batch",
                "Requests running over those that may run. Near 100 % with a queue is saturation.",
                queries.OCCUPANCY,
                unit="percentunit",
                thresholds=FULLNESS_THRESHOLDS,
                sparkline=True,
                decimals=0,
                size=(2, 4),
            ),
            stat(
                "KV used",
                "The fullest engine's KV cache. Near 100 % it preempts: fewer sequences, shorter "
                "contexts or more memory.",
                queries.KV_NOW,
                unit="percentunit",
                thresholds=FULLNESS_THRESHOLDS,
                sparkline=True,
                decimals=0,
                size=(2, 4),
            ),
            stat(
                "Waiting",
                "Requests not yet in the batch. A queue that stays: see Bound by for the limit to "
                "raise.",
                queries.WAITING_NOW,
                thresholds=((GREEN, None), (YELLOW, 1), (RED, 50)),
                sparkline=True,
                size=(2, 4),
            ),
            stat(
                "Up for",
                "Age of the server process. Young servers are slow: caches are cold and kernels "
                "not yet compiled.",
                queries.AGE,
                unit="s",
                size=(2, 4),
            ),
            stat(
                "GPUs",
                "GPUs under the server, and where the figure comes from. Every figure per GPU is "
                "divided by it: wrong here is wrong everywhere.",
                queries.GPUS,
                text_mode="value_and_name",
                size=(2, 4),
            ),
        ],
    )


def _throughput() -> Row:
    return Row(
        "Throughput",
        [
            time_series(
                "Tokens per second",
                "Computed prompt tokens cost the GPU work; cached ones do not.",
                queries.GENERATED,
                queries.PROMPT,
                queries.COMPUTED,
                queries.CACHED,
                unit=TOKENS_PER_SECOND,
                legend="list",
            ),
            time_series(
                "Tokens per second and GPU",
                "The exporter's own figures over its window, for comparing servers of other sizes.",
                queries.TOKENS_PER_GPU,
                queries.PROMPT_PER_GPU,
                queries.COMPUTED_PER_GPU,
                unit=TOKENS_PER_SECOND,
            ),
            time_series(
                "Requests finished, by reason",
                "stop and length are good ends. abort: clients gave up. error: the engine failed; "
                "read its log.",
                queries.FINISHED,
                unit="reqps",
                stacked=True,
                legend="list",
                overrides=[
                    color_override(reason, color) for reason, color in REASON_COLORS.items()
                ],
                size=THIRD,
            ),
            time_series(
                "Engine steps per second",
                "Few steps with many tokens each is a full batch. No steps with work waiting is a "
                "stall.",
                queries.STEPS,
                unit=PER_SECOND,
                size=THIRD,
            ),
            time_series(
                "Tokens per step against the limit",
                "Near the limit, prefill fills the steps and tokens come slower: raise "
                "max_num_batched_tokens or compute fewer prompts.",
                queries.STEP_TOKENS,
                queries.STEP_LIMIT,
                unit="none",
                overrides=[color_override("limit", RED, dashed=True)],
                size=THIRD,
            ),
        ],
    )


def _batch() -> Row:
    return Row(
        "Batch and queue",
        [
            time_series(
                "Running, and the most that may",
                "Engines apart. At the limit with a queue: raise max_num_seqs, unless the KV cache "
                "is full.",
                queries.RUNNING,
                queries.SEATS,
                queries.DECODE_BATCH,
                unit="none",
                overrides=[color_override("limit of one engine", RED, dashed=True)],
                size=THIRD,
            ),
            time_series(
                "Waiting, by reason",
                "capacity: no room in the batch. deferred: held back on purpose, for a KV transfer "
                "or an adapter.",
                queries.WAITING,
                unit="none",
                size=THIRD,
            ),
            time_series(
                "Occupancy and token budget",
                "Shares of the two limits of a step: sequences and tokens. The one near 100 % is "
                "what to raise.",
                queries.OCCUPANCY,
                queries.BUDGET,
                queries.IDLE,
                unit="percentunit",
                maximum=1,
                size=THIRD,
            ),
            state_timeline(
                "Bound by",
                "What kept the server from doing more, over time.",
                queries.BOUND,
                states={i: bound for i, bound in enumerate(BOUND_COLORS.items(), 1)},
                size=(12, 5),
            ),
            time_series(
                "Preempted per second",
                "Requests thrown out of the batch and computed again. Above 0 for long: too many "
                "sequences for the KV cache.",
                queries.PREEMPTIONS,
                unit=PER_SECOND,
                thresholds=((GREEN, None), (RED, 0.05)),
                soft_maximum=0.1,
                size=(12, 5),
                legend="list",
            ),
        ],
    )


def _cache() -> Row:
    return Row(
        "Cache and lengths",
        [
            time_series(
                "KV cache used",
                "Engines apart: data-parallel engines that differ are badly balanced.",
                queries.KV_USAGE,
                unit="percentunit",
                maximum=1,
                thresholds=((GREEN, None), (RED, 0.95)),
                size=THIRD,
            ),
            time_series(
                "KV tokens",
                "Resident tokens against what fits. Level at the capacity: shorter contexts or "
                "more servers.",
                queries.KV_RESIDENT,
                queries.KV_CAPACITY,
                unit="short",
                overrides=[color_override("capacity", RED, dashed=True)],
                size=THIRD,
            ),
            time_series(
                "Hit rate, by cache",
                "Found over looked up, and the share of prompt tokens no GPU had to compute: the "
                "second is not biased by lookups repeated under pressure.",
                queries.HIT_RATIO,
                queries.CACHED_RATIO,
                unit="percentunit",
                maximum=1,
                size=THIRD,
            ),
            time_series(
                "Mean lengths of a request",
                "Longer prompts or answers explain slower requests: it is the traffic, not the "
                "server.",
                queries.PROMPT_LENGTH,
                queries.COMPUTED_LENGTH,
                queries.COMPLETION_LENGTH,
                queries.PROMPT_P95,
                queries.COMPLETION_P95,
                unit="none",
                legend="list",
                decimals=0,
                size=THIRD,
            ),
            heatmap(
                "Prompt lengths",
                "Tokens of each prompt. A new band explains slower first tokens: the traffic "
                "changed.",
                queries.PROMPT_BUCKETS,
                "none",
            ),
            heatmap(
                "Answer lengths",
                "Tokens of each answer. A new band explains slower requests: the traffic changed.",
                queries.COMPLETION_BUCKETS,
                "none",
            ),
        ],
    )


def _gpus() -> Row:
    return Row(
        "GPUs under it",
        [
            time_series(
                "Power",
                "Each GPU the server uses. Click one for its clocks, memory and faults.",
                queries.GPU_POWER,
                unit="watt",
                links=[link("GPU and energy", uids.GPU, target="${target}")],
            ),
            time_series(
                "Joules per generated token",
                "Energy of its GPUs over the tokens it generated; small batches cost more.",
                queries.JOULES,
                unit="joule",
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the Server dashboard."""
    return dashboard(
        uids.SERVER,
        "Server",
        "One server: requests, latency, batch, cache, features and GPUs.",
        SERVER_VARIABLES,
        [_now(), _throughput(), latency(), _batch(), _cache(), _gpus(), *features(), tails()],
        time_from="now-3h",
    )
