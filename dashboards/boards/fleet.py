"""The Fleet dashboard: is anything wrong, what do the GPUs deliver, what was upgraded."""

from typing import Any

from ..grafana import uids
from ..grafana.panels import Row, dashboard, stat, timeseries
from ..grafana.style import GREEN, RED, YELLOW
from ..grafana.variables import FLEET
from ..queries import fleet as q
from .fleet_tables import servers, upgrades
from .shared import GOOD_IF_HIGH, NONE_WANTED, TO_SERVER, TO_UPGRADE, TOKENS, bound_colors


def _wrong() -> Row:
    return Row(
        "Is anything wrong?",
        [
            stat(
                "Servers down",
                "Servers whose page the exporter cannot read. Above 0: sort the table below, open "
                "the server, and look at the Exporter dashboard for the reason.",
                q.DOWN,
                steps=NONE_WANTED,
                filled=True,
            ),
            stat(
                "Stalled",
                "Servers with work, no progress and a healthy answer. They hold their requests for "
                "ever: take them out of rotation and restart them.",
                q.STALLED,
                steps=NONE_WANTED,
                filled=True,
            ),
            stat(
                "Regressions",
                "Measures of a release found worse at equal load. Above 0: open Upgrade. 'Nothing "
                "to judge' means that no two releases have run comparably.",
                q.REGRESSIONS,
                steps=NONE_WANTED,
                filled=True,
                nothing="nothing to judge",
            ),
            stat(
                "Releases running",
                "Releases in the fleet now. More than one is a rollout under way, or one that was "
                "never finished: see Servers by release below.",
                q.RELEASES,
                steps=((GREEN, None), (YELLOW, 2)),
                filled=True,
            ),
            stat(
                "First tokens in time",
                "Share of first tokens within the objective, by model. Below it: SLO says how fast "
                "the budget burns, Latency below says since when.",
                q.ATTAINMENT,
                unit="percentunit",
                size=(6, 4),
                steps=GOOD_IF_HIGH,
                text="value_and_name",
                graph=True,
                decimals=1,
            ),
            stat(
                "Generated tokens per second and GPU",
                "What one GPU delivers, by model. It follows demand: judge a release by Upgrade, "
                "which compares at equal load, not by this.",
                q.TOKENS_PER_GPU_BY_MODEL,
                unit="none",
                size=(6, 4),
                text="value_and_name",
                graph=True,
                decimals=0,
            ),
        ],
    )


def _delivers() -> Row:
    return Row(
        "What it delivers",
        [
            timeseries(
                "Generated tokens per second and GPU",
                "By model, release and GPU type. A release below its neighbour may only have less "
                "to do: click it to compare at equal load.",
                q.TOKENS_PER_GPU,
                unit=TOKENS,
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Tokens per second",
                "All servers together. Prompt tokens include those read from a cache.",
                q.GENERATED,
                q.PROMPT,
                unit=TOKENS,
            ),
            timeseries(
                "Requests finished per second",
                "Demand as it was served. A fall with waiting requests below is a capacity "
                "problem; a fall without them is less traffic.",
                q.REQUESTS,
                unit="reqps",
                size=(8, 7),
            ),
            timeseries(
                "GPUs in use",
                "GPUs under the servers that answer. A step down is servers lost or scaled away.",
                q.GPUS,
                unit="none",
                decimals=0,
                size=(8, 7),
            ),
            stat(
                "Generated in the time shown",
                "Tokens of all servers, by model: the size of the service, for bills and plans.",
                q.GENERATED_IN_RANGE,
                unit="short",
                text="value_and_name",
                size=(8, 7),
            ),
            timeseries(
                "Work by role",
                "Prompt tokens computed and tokens generated, by the servers' role. With prefill "
                "and decode apart, one that climbs alone has too few servers.",
                q.COMPUTED_BY_ROLE,
                q.GENERATED_BY_ROLE,
                unit=TOKENS,
                size=(8, 7),
            ),
            timeseries(
                "Joules per generated token",
                "Energy of the GPUs over tokens generated, where a GPU makes at least 10 a second. "
                "It rises when batches are small: compare releases on Upgrade.",
                q.JOULES,
                unit="joule",
                size=(8, 7),
            ),
        ],
    )


def _full() -> Row:
    return Row(
        "How full it is",
        [
            timeseries(
                "Batch occupancy",
                "Requests running over those that may run. Near 1 with a queue: add servers or "
                "raise max_num_seqs. Low with high latency: look for another bound.",
                q.OCCUPANCY,
                unit="percentunit",
                high=1,
                links=[TO_UPGRADE],
            ),
            timeseries(
                "What bounds the servers",
                "Servers by what keeps them from doing more. demand is healthy. sequences: raise "
                "max_num_seqs. token_budget: raise max_num_batched_tokens. kv_cache: shorter "
                "contexts, more memory or more servers.",
                q.BOUND,
                unit="none",
                decimals=0,
                stacked=True,
                overrides=bound_colors(),
            ),
            timeseries(
                "Requests running and waiting",
                "A queue that grows while running stays level is saturation.",
                q.RUNNING,
                q.WAITING,
                unit="none",
                decimals=0,
            ),
            timeseries(
                "Prefix-cache hit rate",
                "Tokens found over tokens looked up, by release. A step at an upgrade with the "
                "same traffic is worth a look on Cache and Upgrade.",
                q.HIT_RATIO,
                unit="percentunit",
                high=1,
                links=[TO_UPGRADE],
            ),
        ],
    )


def _quality() -> Row:
    return Row(
        "What users feel",
        [
            timeseries(
                "Time to first token, mean",
                "By release. A mean does not depend on the engine's buckets, so releases compare. "
                "Rising with the queue: capacity. Rising without it: longer prompts or fewer hits.",
                q.FIRST_TOKEN,
                unit="s",
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Time between tokens, mean",
                "By release. It rises with the batch: compare at equal load before blaming a "
                "release.",
                q.BETWEEN_TOKENS,
                unit="s",
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Slowest servers, first token",
                "The ten slowest. One alone is a bad server: open it. All alike is capacity.",
                q.SLOWEST_FIRST_TOKEN,
                unit="s",
                size=(12, 7),
                links=[TO_SERVER],
            ),
            timeseries(
                "Slowest servers, between tokens",
                "The ten slowest. One alone for long is a slow GPU or a bad spawn: restart it.",
                q.SLOWEST_BETWEEN_TOKENS,
                unit="s",
                size=(12, 7),
                links=[TO_SERVER],
            ),
            timeseries(
                "Failed and aborted requests",
                "Shares of requests finished. Errors are the engine's fault; aborts are clients "
                "that gave up, often for latency.",
                q.ERRORS,
                q.ABORTS,
                unit="percentunit",
                size=(12, 7),
                steps=((GREEN, None), (RED, 0.01)),
            ),
            timeseries(
                "Power drawn by GPUs",
                "All GPUs the exporter reads, by type. A level draw with fewer tokens is idle "
                "money.",
                q.POWER,
                unit="watt",
                size=(6, 7),
                stacked=True,
            ),
            stat(
                "Servers watched",
                "Fewer than you run: discovery does not find them.",
                q.SERVERS,
                size=(6, 7),
                graph=True,
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the Fleet dashboard."""
    return dashboard(
        uids.FLEET,
        "Fleet",
        "All servers: what is wrong, what the GPUs deliver, how full they are, what was upgraded.",
        FLEET,
        [_wrong(), servers(), upgrades(), _delivers(), _full(), _quality()],
    )
