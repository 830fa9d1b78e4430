"""The Cache dashboard: what prefix caches save, and whether KV memory suffices."""

from typing import Any

from ..grafana import uids
from ..grafana.panels import Row, bargauge, dashboard, stat, table, timeseries
from ..grafana.style import BLUE, GREEN, RED, YELLOW, Column, stepped
from ..grafana.variables import FLEET
from ..queries import cache as q
from ..queries import server as one
from .shared import EACH_SECOND, FULL, GAUGE, ROW_TO_SERVER, TO_UPGRADE, TOKENS


def _saved() -> Row:
    return Row(
        "What the caches save",
        [
            stat(
                "Hit rate now",
                "Tokens found over tokens looked up, by model. Compare with last week at the same "
                "hour: it is a property of the traffic first.",
                q.HIT_RATIO_NOW,
                unit="percentunit",
                text="value_and_name",
                graph=True,
                decimals=0,
                size=(6, 8),
            ),
            timeseries(
                "Hit rate by release",
                "A step at an upgrade with the same traffic: a cold cache (it recovers), another "
                "block size, or a changed way of counting (Upgrade lists those).",
                q.HIT_RATIO,
                unit="percentunit",
                high=1,
                size=(10, 8),
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Prompt tokens no GPU computed",
                "Share of prompt tokens read from any cache; what the caches truly save.",
                q.SAVED,
                unit="percentunit",
                high=1,
                size=(8, 8),
            ),
            timeseries(
                "Prompt tokens, cached and computed",
                "Computed tokens are the work left; a rise with level traffic is a cache lost.",
                q.CACHED,
                q.COMPUTED,
                unit=TOKENS,
                stacked=True,
            ),
            timeseries(
                "Looked up and found, by cache",
                "local: in GPU memory. external: offloaded or shared with other servers.",
                q.LOOKED_UP,
                q.FOUND,
                unit=TOKENS,
            ),
            timeseries(
                "Hit rate by cache",
                "An external cache with few hits costs more than it saves. Multimodal counts "
                "items, not tokens.",
                q.BY_CACHE,
                q.MULTIMODAL,
                unit="percentunit",
                high=1,
            ),
            timeseries(
                "KV offloaded",
                "Bytes per second by direction, all servers. Stores without loads: nothing comes "
                "back.",
                q.OFFLOADED,
                unit="Bps",
            ),
        ],
    )


def _memory() -> Row:
    return Row(
        "KV memory",
        [
            timeseries(
                "KV cache used",
                "Fullest engine and mean. Fullest far above mean: requests are badly spread.",
                q.USAGE_MAX,
                q.USAGE_MEAN,
                unit="percentunit",
                high=1,
                steps=((GREEN, None), (RED, 0.95)),
                size=(8, 8),
            ),
            bargauge(
                "Fullest servers",
                "The ten fullest. Near 100 % with preemptions beside it: fewer sequences, shorter "
                "contexts or more servers.",
                q.FULLEST,
                unit="percentunit",
                high=1,
                steps=FULL,
                decimals=0,
            ),
            timeseries(
                "Preempted per second",
                "Requests thrown out for lack of KV memory and computed again. Above 0 for long is "
                "wasted work.",
                q.PREEMPTIONS,
                unit=EACH_SECOND,
                size=(8, 8),
            ),
            timeseries(
                "KV capacity",
                "Tokens that fit, by release. A step at an upgrade changes how many sequences run "
                "and what the cache keeps.",
                q.CAPACITY,
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
                    q.ROW_HITS,
                    settings={
                        "unit": "percentunit",
                        "decimals": 0,
                        "min": 0,
                        "max": 1,
                        "custom__cellOptions": GAUGE,
                        "thresholds": stepped(((BLUE, None),)),
                    },
                ),
                Column("Cached", q.ROW_CACHED, settings={"unit": "percentunit", "decimals": 0}),
                Column(
                    "KV used",
                    q.ROW_USAGE,
                    settings={
                        "unit": "percentunit",
                        "decimals": 0,
                        "custom__cellOptions": {"type": "color-text"},
                        "thresholds": stepped(FULL),
                    },
                ),
                Column("KV tokens", q.ROW_CAPACITY, settings={"unit": "short"}),
                Column(
                    "Preempted",
                    q.ROW_PREEMPTIONS,
                    settings={
                        "decimals": 2,
                        "custom__cellOptions": {"type": "color-text"},
                        "thresholds": stepped(((GREEN, None), (YELLOW, 0.05), (RED, 0.5))),
                    },
                ),
                Column("Exporter", label="instance"),
                size=(12, 8),
                worst=("Hit rate", False),
            ),
            timeseries(
                "Prompt tokens per request, and computed of them",
                "The gap is what caches saved on each request. Level prompts with more computed: "
                "cache lost.",
                one.PROMPT_LENGTH,
                one.COMPUTED_LENGTH,
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
        FLEET,
        [_saved(), _memory()],
    )
