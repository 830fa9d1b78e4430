"""The Server dashboard: one server, from its requests down to its cache and its GPUs."""

from typing import Any, Final

from ..grafana import uids
from ..grafana.panels import Row, dashboard, heatmap, stat, states, timeseries
from ..grafana.style import GREEN, ORANGE, RED, YELLOW, fixed, link, values
from ..grafana.variables import SERVER
from ..queries import server as q
from .server_features import features
from .server_latency import latency
from .shared import BOUNDS, EACH_SECOND, FULL, TO_UPGRADE, TOKENS, UP, bound_colors

THIRD: Final = (8, 8)


def _now() -> Row:
    return Row(
        "Now",
        [
            stat(
                "Up",
                "Whether the exporter reads the server's page. Down: the Exporter dashboard tells "
                "the reason.",
                q.UP,
                mappings=[UP],
                filled=True,
                steps=((RED, None), (GREEN, 1)),
                size=(2, 4),
            ),
            stat(
                "Release",
                "What runs there now. Click to compare it with the release before.",
                q.RELEASE,
                text="name",
                size=(4, 4),
                links=[TO_UPGRADE],
            ),
            stat(
                "Stalled",
                "Work, no progress, healthy answer. Yes: take it out of rotation and restart it.",
                q.STALLED,
                mappings=[values({0: ("no", GREEN), 1: ("yes", RED)})],
                filled=True,
                steps=((GREEN, None), (RED, 1)),
                size=(2, 4),
            ),
            stat(
                "Bound by",
                "What keeps it from doing more. demand is healthy; any other is a limit to raise "
                "or a reason to add servers.",
                q.BOUND_NOW,
                text="name",
                size=(3, 4),
                overrides=bound_colors(),
                nothing="unknown",
            ),
            stat(
                "tok/s per GPU",
                "Tokens generated per second and GPU over the exporter's window.",
                q.TOKENS_PER_GPU,
                unit=TOKENS,
                graph=True,
            ),
            stat(
                "Batch",
                "Requests running over those that may run. Near 100 % with a queue is saturation.",
                q.OCCUPANCY,
                unit="percentunit",
                steps=FULL,
                graph=True,
                decimals=0,
                size=(2, 4),
            ),
            stat(
                "KV used",
                "The fullest engine's KV cache. Near 100 % it preempts: fewer sequences, shorter "
                "contexts or more memory.",
                q.KV_NOW,
                unit="percentunit",
                steps=FULL,
                graph=True,
                decimals=0,
                size=(2, 4),
            ),
            stat(
                "Waiting",
                "Requests not yet in the batch. A queue that stays: see Bound by for the limit to "
                "raise.",
                q.WAITING_NOW,
                steps=((GREEN, None), (YELLOW, 1), (RED, 50)),
                graph=True,
                size=(2, 4),
            ),
            stat(
                "Up for",
                "Age of the server process. Young servers are slow: caches are cold and kernels "
                "not yet compiled.",
                q.AGE,
                unit="s",
                size=(2, 4),
            ),
            stat(
                "GPUs",
                "GPUs under the server, and where the figure comes from. Every figure per GPU is "
                "divided by it: wrong here is wrong everywhere.",
                q.GPUS,
                text="value_and_name",
                size=(2, 4),
            ),
        ],
    )


def _throughput() -> Row:
    return Row(
        "Throughput",
        [
            timeseries(
                "Tokens per second",
                "Computed prompt tokens cost the GPU work; cached ones do not.",
                q.GENERATED,
                q.PROMPT,
                q.COMPUTED,
                q.CACHED,
                unit=TOKENS,
                legend="list",
            ),
            timeseries(
                "Tokens per second and GPU",
                "The exporter's own figures over its window, for comparing servers of other sizes.",
                q.TOKENS_PER_GPU,
                q.PROMPT_PER_GPU,
                q.COMPUTED_PER_GPU,
                unit=TOKENS,
            ),
            timeseries(
                "Requests finished, by reason",
                "stop and length are good ends. abort: clients gave up. error: the engine failed; "
                "read its log.",
                q.FINISHED,
                unit="reqps",
                stacked=True,
                legend="list",
                overrides=[fixed("error", RED), fixed("abort", ORANGE)],
                size=THIRD,
            ),
            timeseries(
                "Engine steps per second",
                "Few steps with many tokens each is a full batch. No steps with work waiting is a "
                "stall.",
                q.STEPS,
                unit=EACH_SECOND,
                size=THIRD,
            ),
            timeseries(
                "Tokens per step against the limit",
                "Near the limit, prefill fills the steps and tokens come slower: raise "
                "max_num_batched_tokens or compute fewer prompts.",
                q.STEP_TOKENS,
                q.STEP_LIMIT,
                unit="none",
                overrides=[fixed("limit", RED, dashed=True)],
                size=THIRD,
            ),
        ],
    )


def _batch() -> Row:
    return Row(
        "Batch and queue",
        [
            timeseries(
                "Running, and the most that may",
                "Engines apart. At the limit with a queue: raise max_num_seqs, unless the KV cache "
                "is full.",
                q.RUNNING,
                q.SEATS,
                q.DECODE_BATCH,
                unit="none",
                overrides=[fixed("limit of one engine", RED, dashed=True)],
                size=THIRD,
            ),
            timeseries(
                "Waiting, by reason",
                "capacity: no room in the batch. deferred: held back on purpose, for a KV transfer "
                "or an adapter.",
                q.WAITING,
                unit="none",
                size=THIRD,
            ),
            timeseries(
                "Occupancy and token budget",
                "Shares of the two limits of a step: sequences and tokens. The one near 100 % is "
                "what to raise.",
                q.OCCUPANCY,
                q.BUDGET,
                q.IDLE,
                unit="percentunit",
                high=1,
                size=THIRD,
            ),
            states(
                "Bound by",
                "What kept the server from doing more, over time.",
                q.BOUND,
                names={i: bound for i, bound in enumerate(BOUNDS.items(), 1)},
                size=(12, 5),
            ),
            timeseries(
                "Preempted per second",
                "Requests thrown out of the batch and computed again. Above 0 for long: too many "
                "sequences for the KV cache.",
                q.PREEMPTIONS,
                unit=EACH_SECOND,
                steps=((GREEN, None), (RED, 0.05)),
                soft=0.1,
                size=(12, 5),
                legend="list",
            ),
        ],
    )


def _cache() -> Row:
    return Row(
        "Cache and lengths",
        [
            timeseries(
                "KV cache used",
                "Engines apart: data-parallel engines that differ are badly balanced.",
                q.KV_USAGE,
                unit="percentunit",
                high=1,
                steps=((GREEN, None), (RED, 0.95)),
                size=THIRD,
            ),
            timeseries(
                "KV tokens",
                "Resident tokens against what fits. Level at the capacity: shorter contexts or "
                "more servers.",
                q.KV_RESIDENT,
                q.KV_CAPACITY,
                unit="short",
                overrides=[fixed("capacity", RED, dashed=True)],
                size=THIRD,
            ),
            timeseries(
                "Hit rate, by cache",
                "Found over looked up, and the share of prompt tokens no GPU had to compute: the "
                "second is not biased by lookups repeated under pressure.",
                q.HIT_RATIO,
                q.CACHED_RATIO,
                unit="percentunit",
                high=1,
                size=THIRD,
            ),
            timeseries(
                "Mean lengths of a request",
                "Longer prompts or answers explain slower requests: it is the traffic, not the "
                "server.",
                q.PROMPT_LENGTH,
                q.COMPUTED_LENGTH,
                q.COMPLETION_LENGTH,
                q.PROMPT_P95,
                q.COMPLETION_P95,
                unit="none",
                legend="list",
                decimals=0,
                size=THIRD,
            ),
            heatmap(
                "Prompt lengths",
                "Tokens of each prompt. A new band explains slower first tokens: the traffic "
                "changed.",
                q.PROMPT_BUCKETS,
                "none",
            ),
            heatmap(
                "Answer lengths",
                "Tokens of each answer. A new band explains slower requests: the traffic changed.",
                q.COMPLETION_BUCKETS,
                "none",
            ),
        ],
    )


def _gpus() -> Row:
    return Row(
        "GPUs under it",
        [
            timeseries(
                "Power",
                "Each GPU the server uses. Click one for its clocks, memory and faults.",
                q.GPU_POWER,
                unit="watt",
                links=[link("GPU and energy", uids.GPU, target="${target}")],
            ),
            timeseries(
                "Joules per generated token",
                "Energy of its GPUs over the tokens it generated; small batches cost more.",
                q.JOULES,
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
        SERVER,
        [_now(), _throughput(), latency(), _batch(), _cache(), _gpus(), *features()],
        span="now-3h",
    )
