"""The Server dashboard's latency: what users feel, by phase; whether quantiles can be trusted."""

from typing import Final

from ..grafana.panels import Row, heatmap, states, timeseries
from ..grafana.style import GREEN, RED, YELLOW
from ..queries import server as q

THIRD: Final = (8, 8)


def latency() -> Row:
    """Return the row."""
    return Row(
        "Latency",
        [
            timeseries(
                "Time to first token",
                "Queue and prefill. Look at the phases below for which of them grew.",
                *q.FIRST_TOKEN,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            timeseries(
                "Time between tokens",
                "How fast users read. It grows with the batch and with prefill in the steps.",
                *q.BETWEEN_TOKENS,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            timeseries(
                "Whole request",
                "It grows with the answers' lengths too: see Lengths below before worrying.",
                *q.REQUEST,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            heatmap(
                "First tokens",
                "Two bands are two kinds of requests, or a hot and a cold cache.",
                q.FIRST_TOKEN_BUCKETS,
                "s",
            ),
            heatmap(
                "Gaps between tokens",
                "A second band above is steps with prefill in them.",
                q.BETWEEN_TOKENS_BUCKETS,
                "s",
            ),
            heatmap(
                "Requests",
                "Arrival to last token. A second band is longer answers, or requests that were "
                "preempted.",
                q.REQUEST_BUCKETS,
                "s",
            ),
            timeseries(
                "Mean time by phase",
                "Where a request spends its time. queue: capacity. prefill: prompts and hit rate. "
                "decode: batch and answer lengths.",
                *q.PHASE_MEANS,
                unit="s",
                legend="list",
                stacked=True,
                size=THIRD,
            ),
            timeseries(
                "95th percentile by phase",
                "The phases' own tails; they do not add up to the request's.",
                *q.PHASE_P95,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            timeseries(
                "Time per output token, by request",
                "Mean gap of each finished request: what one user felt over a whole answer.",
                *q.PER_OUTPUT_TOKEN,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            states(
                "Can the quantiles be trusted?",
                "A quantile in the engine's first bucket is somewhere below its bound; one in the "
                "last may be anything above. There, read the mean.",
                *q.RESOLUTION,
                names={
                    0: ("between bounds", GREEN),
                    1: ("below the first bound", YELLOW),
                    2: ("above the last bound", RED),
                },
                size=(24, 7),
            ),
        ],
    )
