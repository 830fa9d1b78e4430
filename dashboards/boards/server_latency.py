"""The Server dashboard's latency: what users feel, by phase; whether quantiles can be trusted."""

from ..grafana.panels import Row, heatmap, state_timeline, time_series
from ..grafana.style import GREEN, RED, YELLOW
from ..queries import server as queries
from .shared import THIRD


def latency() -> Row:
    """Return the row."""
    return Row(
        "Latency",
        [
            time_series(
                "Time to first token",
                "Queue and prefill. Look at the phases below for which of them grew.",
                *queries.FIRST_TOKEN,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            time_series(
                "Time between tokens",
                "How fast users read. It grows with the batch and with prefill in the steps.",
                *queries.BETWEEN_TOKENS,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            time_series(
                "Whole request",
                "It grows with the answers' lengths too: see Lengths below before worrying.",
                *queries.REQUEST,
                unit="s",
                legend="list",
                size=THIRD,
            ),
            heatmap(
                "First tokens",
                "Two bands are two kinds of requests, or a hot and a cold cache.",
                queries.FIRST_TOKEN_BUCKETS,
                "s",
            ),
            heatmap(
                "Gaps between tokens",
                "A second band above is steps with prefill in them.",
                queries.BETWEEN_TOKENS_BUCKETS,
                "s",
            ),
            heatmap(
                "Requests",
                "Arrival to last token. A second band is longer answers, or requests that were "
                "preempted.",
                queries.REQUEST_BUCKETS,
                "s",
            ),
            time_series(
                "Mean time by phase",
                "Where a request spends its time. queue: capacity. prefill: prompts and hit rate. "
                "decode: batch and answer lengths.",
                *queries.PHASE_MEANS,
                unit="s",
                legend="list",
                stacked=True,
                size=(12, 8),
            ),
            time_series(
                "Time per output token, by request",
                "Mean gap of each finished request: what one user felt over a whole answer.",
                queries.PER_OUTPUT_TOKEN,
                unit="s",
                legend="list",
                size=(12, 8),
            ),
            state_timeline(
                "Can the quantiles be trusted?",
                "A quantile in the engine's first bucket is somewhere below its bound; one in the "
                "last may be anything above. There, read the mean.",
                *queries.RESOLUTION,
                states={
                    0: ("between bounds", GREEN),
                    1: ("below the first bound", YELLOW),
                    2: ("above the last bound", RED),
                },
                size=(24, 7),
            ),
        ],
    )


def tails() -> Row:
    """Return the folded row of what needs more buckets than the exporter shows by itself."""
    return Row(
        "Tails by phase, where the exporter's publish.buckets lists their histograms",
        [
            time_series(
                "95th percentile by phase",
                "The phases' own tails; they do not add up to the request's. Shown where "
                "publish.buckets of the exporter lists queue_seconds, prefill_seconds and "
                "decode_seconds.",
                *queries.PHASE_P95,
                unit="s",
                legend="list",
                size=(24, 8),
                no_value="publish.buckets of the exporter does not list these histograms",
            ),
        ],
        collapsed=True,
    )
