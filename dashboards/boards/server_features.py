"""The Server dashboard's folded rows: what only some servers have."""

from typing import Final

from ..grafana.panels import Row, states, timeseries
from ..grafana.style import GREEN, ORANGE, RED, YELLOW, fixed
from ..queries import server as q
from .shared import EACH_SECOND, TOKENS

THIRD: Final = (8, 8)


def features() -> list[Row]:
    """Return a folded row for each feature."""
    return [_answers(), _speculation(), _transfer(), _adapters()]


def _answers() -> Row:
    return Row(
        "Answers and API",
        [
            timeseries(
                "HTTP responses per second",
                "5xx with errors among the finished requests is the engine; 5xx without is the API "
                "server in front of it.",
                q.RESPONSES,
                unit="reqps",
                overrides=[fixed("5xx", RED), fixed("4xx", ORANGE)],
                size=THIRD,
            ),
            timeseries(
                "Rejected and aborted",
                "rejected: refused at admission, tell clients to back off. aborted: clients gave "
                "up waiting.",
                q.REJECTIONS,
                q.ABORTED,
                unit="reqps",
                size=THIRD,
            ),
            timeseries(
                "Broken answers and restarts",
                "NaN in the logits is a numerical fault: take the server out. Restarts that repeat "
                "are a crash loop.",
                q.CORRUPTED,
                q.RESTARTS,
                unit="none",
                steps=((GREEN, None), (RED, 1)),
                soft=2,
                size=THIRD,
            ),
            timeseries(
                "Tokens per finished request",
                "Generated tokens over requests finished, both as rates.",
                q.TOKENS_OF_REQUEST,
                unit="none",
                decimals=0,
                size=(12, 7),
            ),
            states(
                "Asleep",
                "An engine that sleeps has given its weights away and serves nothing.",
                q.SLEEPING,
                names={0: ("awake", GREEN), 1: ("asleep", YELLOW)},
                size=(12, 7),
            ),
        ],
        folded=True,
    )


def _speculation() -> Row:
    return Row(
        "Speculative decoding",
        [
            timeseries(
                "Draft tokens accepted",
                "Share of draft tokens kept, and the share of the output they made. A fall after "
                "an upgrade or a new draft model makes decoding slower.",
                q.ACCEPT_RATIO,
                q.FROM_DRAFTS,
                unit="percentunit",
                high=1,
            ),
            timeseries(
                "Tokens per verification step",
                "The bonus token included: 1 is no gain at all, and then speculation only costs.",
                q.ACCEPT_LENGTH,
                unit="none",
                decimals=2,
            ),
            timeseries(
                "Accepted by position in the draft",
                "Share of drafts accepted at each position. Where it nears 0, draft fewer tokens.",
                q.BY_POSITION,
                unit="percentunit",
                high=1,
            ),
            timeseries(
                "Drafted, accepted, rejected",
                "Rejected tokens are work thrown away: mostly rejected, draft fewer or change the "
                "draft.",
                q.DRAFTED,
                q.ACCEPTED,
                q.REJECTED,
                q.DRAFTS,
                unit=TOKENS,
                overrides=[fixed("rejected", RED)],
            ),
        ],
        folded=True,
    )


def _transfer() -> Row:
    return Row(
        "KV transfer and offload",
        [
            timeseries(
                "Time of a transfer",
                "Prefill waits for it: it is part of the time to first token.",
                q.TRANSFER_MEAN,
                q.TRANSFER_P95,
                unit="s",
                size=THIRD,
            ),
            timeseries(
                "KV moved",
                "Bytes per second on the whole, and while a transfer is under way.",
                q.TRANSFER_RATE,
                q.TRANSFER_SPEED,
                unit="Bps",
                size=THIRD,
            ),
            timeseries(
                "Transfers lost",
                "failed: look at the network. expired: the decode side never came for its blocks.",
                q.TRANSFER_FAILURES,
                q.TRANSFER_EXPIRED,
                unit=EACH_SECOND,
                steps=((GREEN, None), (RED, 0.01)),
                soft=0.02,
                size=THIRD,
            ),
            timeseries(
                "KV offloaded",
                "Bytes per second by direction. Stores without loads: nothing comes back, offload "
                "less.",
                q.OFFLOADED,
                unit="Bps",
            ),
            timeseries(
                "Offload speed",
                "Bytes per second while moving. Far below what the bus can do is contention.",
                q.OFFLOAD_SPEED,
                unit="Bps",
            ),
        ],
        folded=True,
    )


def _adapters() -> Row:
    return Row(
        "LoRA",
        [
            timeseries(
                "Adapters",
                "More waiting than fit in a batch means adapters are swapped in and out: send an "
                "adapter's requests to fewer servers, or raise max_loras.",
                q.LORA_RUNNING,
                q.LORA_WAITING,
                q.LORA_MAX,
                unit="none",
                decimals=0,
                overrides=[fixed("fit in a batch", RED, dashed=True)],
                size=(24, 7),
            )
        ],
        folded=True,
    )
