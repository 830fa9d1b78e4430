"""The Cache dashboard: what prefix caches save, and whether KV memory suffices."""

from typing import Any

from ..grafana import uids
from ..grafana.columns import Column
from ..grafana.panels import Row, bar_gauge, dashboard, stat, table, time_series
from ..grafana.style import BLUE, GREEN, RED, YELLOW, absolute_thresholds
from ..grafana.variables import FLEET_VARIABLES
from ..queries import cache as queries
from ..queries import server as server_queries
from .shared import (
    FULLNESS_THRESHOLDS,
    GAUGE_CELL,
    PER_SECOND,
    ROW_TO_SERVER,
    TO_UPGRADE,
    TOKENS_PER_SECOND,
)


def _savings() -> Row:
    return Row(
        "What the caches save",
        [
            stat(
                "Hit rate now",
                "Tokens found over tokens looked up, by model. Compare with last week at the same "
                "hour: it is a property of the traffic first.",
                queries.HIT_RATIO_NOW,
                unit="percentunit",
                text_mode="value_and_name",
                sparkline=True,
                decimals=0,
                size=(6, 8),
            ),
            time_series(
                "Hit rate by release",
                "A step at an upgrade with the same traffic: a cold cache (it recovers), another "
                "block size, or a changed way of counting (Upgrade lists those).",
                queries.HIT_RATIO,
                unit="percentunit",
                maximum=1,
                size=(10, 8),
                links=[TO_UPGRADE],
            ),
            time_series(
                "Prompt tokens no GPU computed",
                "Share of prompt tokens read from any cache; what the caches truly save.",
                queries.CACHED_SHARE,
                unit="percentunit",
                maximum=1,
                size=(8, 8),
            ),
            time_series(
                "Prompt tokens, cached and computed",
                "Computed tokens are the work left; a rise with level traffic is a cache lost.",
                queries.CACHED,
                queries.COMPUTED,
                unit=TOKENS_PER_SECOND,
                stacked=True,
            ),
            time_series(
                "Looked up and found, by cache",
                "local: in GPU memory. external: offloaded or shared with other servers.",
                queries.QUERIED_TOKENS,
                queries.HIT_TOKENS,
                unit=TOKENS_PER_SECOND,
            ),
            time_series(
                "Hit rate by cache",
                "An external cache with few hits costs more than it saves. Multimodal counts "
                "items, not tokens.",
                queries.BY_CACHE,
                queries.MULTIMODAL,
                unit="percentunit",
                maximum=1,
            ),
            time_series(
                "KV offloaded",
                "Bytes per second by direction, all servers. Stores without loads: nothing comes "
                "back.",
                queries.OFFLOADED,
                unit="Bps",
            ),
        ],
    )


def _memory() -> Row:
    return Row(
        "KV memory",
        [
            time_series(
                "KV cache used",
                "Fullest engine and mean. Fullest far above mean: requests are badly spread.",
                queries.USAGE_MAX,
                queries.USAGE_MEAN,
                unit="percentunit",
                maximum=1,
                thresholds=((GREEN, None), (RED, 0.95)),
                size=(8, 8),
            ),
            bar_gauge(
                "Fullest servers",
                "The ten fullest. Near 100 % with preemptions beside it: fewer sequences, shorter "
                "contexts or more servers.",
                queries.FULLEST,
                unit="percentunit",
                maximum=1,
                thresholds=FULLNESS_THRESHOLDS,
                decimals=0,
            ),
            time_series(
                "Preempted per second",
                "Requests thrown out for lack of KV memory and computed again. Above 0 for long is "
                "wasted work.",
                queries.PREEMPTIONS,
                unit=PER_SECOND,
                size=(8, 8),
            ),
            time_series(
                "KV capacity",
                "Tokens that fit, by release. A step at an upgrade changes how many sequences run "
                "and what the cache keeps.",
                queries.CAPACITY,
                unit="short",
                links=[TO_UPGRADE],
            ),
            table(
                "Servers by hit rate",
                "Lowest first. One server far below its peers gets traffic that shares little, or "
                "restarted with a cold cache.",
                Column("Server", label="target", settings={"links": [ROW_TO_SERVER]}),
                Column(
                    "Hit rate",
                    queries.ROW_HITS,
                    settings={
                        "unit": "percentunit",
                        "decimals": 0,
                        "min": 0,
                        "max": 1,
                        "custom__cellOptions": GAUGE_CELL,
                        "thresholds": absolute_thresholds(((BLUE, None),)),
                    },
                ),
                Column(
                    "Cached", queries.ROW_CACHED, settings={"unit": "percentunit", "decimals": 0}
                ),
                Column(
                    "KV used",
                    queries.ROW_USAGE,
                    settings={
                        "unit": "percentunit",
                        "decimals": 0,
                        "custom__cellOptions": {"type": "color-text"},
                        "thresholds": absolute_thresholds(FULLNESS_THRESHOLDS),
                    },
                ),
                Column("KV tokens", queries.ROW_CAPACITY, settings={"unit": "short"}),
                Column(
                    "Preempted",
                    queries.ROW_PREEMPTIONS,
                    settings={
                        "decimals": 2,
                        "custom__cellOptions": {"type": "color-text"},
                        "thresholds": absolute_thresholds(
                            ((GREEN, None), (YELLOW, 0.05), (RED, 0.5))
                        ),
                    },
                ),
                Column("Cluster", label="cluster"),
                Column("Exporter", label="instance"),
                size=(12, 8),
                sort_by=("Hit rate", False),
            ),
            time_series(
                "Prompt tokens per request, and computed of them",
                "The gap is what caches saved on each request. Level prompts with more computed: "
                "cache lost.",
                server_queries.PROMPT_LENGTH,
                server_queries.COMPUTED_LENGTH,
                unit="none",
                decimals=0,
                size=(24, 7),
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the Cache dashboard."""
    return dashboard(
        uids.CACHE,
        "Cache",
        "Prefix caches and KV memory: what they save, how full they are, what is thrown out.",
        FLEET_VARIABLES,
        [_savings(), _memory()],
    )
