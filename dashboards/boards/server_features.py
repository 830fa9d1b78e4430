"""The Server dashboard's folded rows: what only some servers have."""

from ..grafana.panels import Row, state_timeline, time_series
from ..grafana.style import GREEN, ORANGE, RED, YELLOW, color_override
from ..queries import server as queries
from .shared import PER_SECOND, THIRD, TOKENS_PER_SECOND


def features() -> list[Row]:
    """Return a folded row for each feature."""
    return [_answers(), _speculation(), _transfer(), _adapters()]


def _answers() -> Row:
    return Row(
        "Answers and API",
        [
            time_series(
                "HTTP responses per second",
                "5xx with errors among the finished requests is the engine; 5xx without is the API "
                "server in front of it.",
                queries.RESPONSES,
                unit="reqps",
                overrides=[color_override("5xx", RED), color_override("4xx", ORANGE)],
                size=THIRD,
            ),
            time_series(
                "Rejected and aborted",
                "rejected: refused at admission, tell clients to back off. aborted: clients gave "
                "up waiting.",
                queries.REJECTIONS,
                queries.ABORTED,
                unit="reqps",
                size=THIRD,
            ),
            time_series(
                "Broken answers and restarts",
                "NaN in the logits is a numerical fault: take the server out. Restarts that repeat "
                "are a crash loop.",
                queries.CORRUPTED,
                queries.RESTARTS,
                unit="none",
                thresholds=((GREEN, None), (RED, 1)),
                soft_maximum=2,
                size=THIRD,
            ),
            time_series(
                "Tokens per finished request",
                "Generated tokens over requests finished, both as rates.",
                queries.TOKENS_OF_REQUEST,
                unit="none",
                decimals=0,
                size=(12, 7),
            ),
            state_timeline(
                "Asleep",
                "An engine that sleeps has given its weights away and serves nothing.",
                queries.SLEEPING,
                states={0: ("awake", GREEN), 1: ("asleep", YELLOW)},
                size=(12, 7),
            ),
        ],
        collapsed=True,
    )


def _speculation() -> Row:
    return Row(
        "Speculative decoding",
        [
            time_series(
                "Draft tokens accepted",
                "Share of draft tokens kept, and the share of the output they made. A fall after "
                "an upgrade or a new draft model makes decoding slower.",
                queries.ACCEPT_RATIO,
                queries.FROM_DRAFTS,
                unit="percentunit",
                maximum=1,
            ),
            time_series(
                "Tokens per verification step",
                "The bonus token included: 1 is no gain at all, and then speculation only costs.",
                queries.ACCEPT_LENGTH,
                unit="none",
                decimals=2,
            ),
            time_series(
                "Accepted by position in the draft",
                "Share of drafts accepted at each position. Where it nears 0, draft fewer tokens.",
                queries.BY_POSITION,
                unit="percentunit",
                maximum=1,
            ),
            time_series(
                "Drafted, accepted, rejected",
                "Rejected tokens are work thrown away: mostly rejected, draft fewer or change the "
                "draft.",
                queries.DRAFTED,
                queries.ACCEPTED,
                queries.REJECTED,
                queries.DRAFTS,
                unit=TOKENS_PER_SECOND,
                overrides=[color_override("rejected", RED)],
            ),
        ],
        collapsed=True,
    )


def _transfer() -> Row:
    return Row(
        "KV transfer and offload",
        [
            time_series(
                "Time of a transfer",
                "Prefill waits for it: it is part of the time to first token.",
                queries.TRANSFER_MEAN,
                queries.TRANSFER_P95,
                unit="s",
                size=THIRD,
            ),
            time_series(
                "KV moved",
                "Bytes per second on the whole, and while a transfer is under way.",
                queries.TRANSFER_RATE,
                queries.TRANSFER_SPEED,
                unit="Bps",
                size=THIRD,
            ),
            time_series(
                "Transfers lost",
                "failed: look at the network. expired: the decode side never came for its blocks.",
                queries.TRANSFER_FAILURES,
                queries.TRANSFER_EXPIRED,
                unit=PER_SECOND,
                thresholds=((GREEN, None), (RED, 0.01)),
                soft_maximum=0.02,
                size=THIRD,
            ),
            time_series(
                "KV offloaded",
                "Bytes per second by direction. Stores without loads: nothing comes back, offload "
                "less.",
                queries.OFFLOADED,
                unit="Bps",
            ),
            time_series(
                "Offload speed",
                "Bytes per second while moving. Far below what the bus can do is contention.",
                queries.OFFLOAD_SPEED,
                unit="Bps",
            ),
        ],
        collapsed=True,
    )


def _adapters() -> Row:
    return Row(
        "LoRA",
        [
            time_series(
                "Adapters",
                "Requests deferred while all that fit in a batch are running wait for a slot: send "
                "an adapter's requests to fewer servers, or raise max_loras. Which adapters wait "
                "is known from the Rust front end only.",
                queries.LORA_RUNNING,
                queries.LORA_WAITING,
                queries.LORA_DEFERRED,
                queries.LORA_MAX,
                unit="none",
                decimals=0,
                overrides=[color_override("fit in a batch", RED, dashed=True)],
                size=(24, 7),
            )
        ],
        collapsed=True,
    )
