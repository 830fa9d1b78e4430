"""The words for a server's state: what bounds it, why a sample of it failed, why work is left out.

They are label values of series; the page, the JSON, the status page and the reference take them
from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Bound = Literal["demand", "sequences", "kv_cache", "token_budget"]
ScrapeFailure = Literal[
    "connect",
    "timeout",
    "http_status",
    "too_large",
    "protocol",
    "page_refused",
    "no_engine",
    "internal",
]
WebFailure = Literal[
    "connection_limit",
    "accept",
    "tls",
    "request_timeout",
    "response_timeout",
    "bad_request",
    "page",
]
Exclusion = Literal[
    "restart",
    "warm_up",
    "gap",
    "preempting",
    "implausible",
    "implausible_latency",
    "unknown",
    "cap",
]
LeftOutReason = Literal["no_number", "no_text", "internal"]


@dataclass(frozen=True, slots=True)
class StateText:
    """A state as people read it: its name and what it means for them."""

    title: str
    meaning: str


BOUNDS: Final[Mapping[Bound, StateText]] = {
    "demand": StateText(
        "demand", "Nothing holds the engine back: more requests would give more tokens."
    ),
    "sequences": StateText("sequence limit", "The batch is as large as max_num_seqs allows."),
    "kv_cache": StateText("KV cache", "No room in the KV cache for a larger batch."),
    "token_budget": StateText(
        "token budget", "Steps are as large as max_num_batched_tokens allows."
    ),
}
"""What keeps a server from doing more."""

SCRAPE_FAILURES: Final[tuple[ScrapeFailure, ...]] = get_args(ScrapeFailure)
"""Why a sample of a server failed."""

LEFT_OUT: Final[Mapping[LeftOutReason, str]] = {
    "no_number": "the value is NaN or infinite",
    "no_text": "a label is not Unicode",
    "internal": "the exporter failed, its log says how",
}
"""Why a series of a server is not on the exporter's page."""

WEB_FAILURES: Final[tuple[WebFailure, ...]] = get_args(WebFailure)
"""Why a connection to the exporter's own pages was closed, or a request not answered."""

EXCLUSIONS: Final[Mapping[Exclusion, str]] = {
    "restart": "",
    "warm_up": "",
    "gap": "samples missed, or an engine joined the page",
    "preempting": "",
    "implausible": "more than an engine can do, no number, or a lifetime shown late",
    "implausible_latency": "in its cell, less a latency that none can be",
    "unknown": "release or batch not known",
    "cap": "too many cells",
}
"""Why time is in no load cell, with a remark where the word alone does not say it."""
