"""What an engine keeps while it runs: counters, requests, queues, in records that compile well."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .profile import Array

Ints = NDArray[np.int64]

INTERVAL: Final = 5.0
"""Seconds between two readings of the counters."""
RING: Final = 16384
"""Steps ahead for which ends of sequences are kept; no sequence takes more."""
KINDS: Final = 4

COUNTERS: Final = (
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "first_tokens",
    "first_token_seconds",
    "finished_prefill_tokens",
    "finished_prefill_seconds",
    "joules",
    "spec_draft_tokens",
    "spec_accepted_tokens",
    "queried_tokens",
    "hit_tokens",
    "preemptions",
    "decode_baseline_seconds",
    "finished_prefill_baseline_seconds",
    "baseline_joules",
    "spec_accepted_baseline_tokens",
    "busy_seconds",
    "finished_tokens",
)
"""What is counted in each interval. Those of the `baseline` are the truth."""

COUNTS: Final = np.dtype([(name, np.float64) for name in COUNTERS])

_STATE: Final = np.dtype(
    [
        *(
            (name, np.float64)
            for name in (
                "now",
                "baseline_clock",
                "edge",
                "context",
                "reserved",
                "rate",
                "baseline_rate",
                "temperature",
                "pace",
            )
        ),
        *(
            (name, np.int64)
            for name in (
                "interval",
                "step",
                "batch",
                "arrived",
                "next",
                "put_back",
                "first",
                "prefilling",
                "newest",
            )
        ),
    ]
)
_JOB: Final = np.dtype(
    [
        *(
            (name, np.float64)
            for name in (
                "arrival",
                "prompt",
                "hit",
                "chance",
                "output",
                "rate",
                "baseline_rate",
                "left",
                "computed",
                "context",
                "remaining",
                "scheduled",
                "baseline_scheduled",
                "prefill_seconds",
                "baseline_prefill_seconds",
            )
        ),
        *(
            (name, np.int64)
            for name in (
                "kind",
                "end_step",
                "resumed",
                "following",
                "previous",
                "newer",
                "older",
            )
        ),
    ]
)

QUEUE_LENGTH: Final = 1024
QUEUE: Final = RING
RETURNED: Final = QUEUE + QUEUE_LENGTH
SEEN: Final = RETURNED + QUEUE_LENGTH
SHAPES: Final = SEEN + KINDS
_TABLES_LENGTH: Final = SHAPES + 512
"""Where each table begins in an engine's one array of tables.

First, for each step to come, the sequence that ends in it, others linked to it; then requests in
prefill, requests put back by preemption, requests seen of each kind, and shapes compiled.
"""


class Requests(NamedTuple):
    """Requests in the order they arrive, an entry each.

    `hit` is the prompt tokens found in a warm prefix cache, and `chance` which share of warmth that
    takes; `rate` is tokens a step, `baseline_rate` that of the old release.
    """

    arrival: Array
    kind: Ints
    prompt: Array
    hit: Array
    chance: Array
    output: Array
    rate: Array
    baseline_rate: Array

    def between(self, first: int, last: int) -> "Requests":
        """Return the requests from one place on up to another."""
        part = slice(first, last)
        return Requests(
            self.arrival[part],
            self.kind[part],
            self.prompt[part],
            self.hit[part],
            self.chance[part],
            self.output[part],
            self.rate[part],
            self.baseline_rate[part],
        )


class Surroundings(NamedTuple):
    """What the machine goes through: by slices of `width` seconds from `begin` on.

    `slowness` is a factor on every step, `ambient` the air's temperature in Celsius. `warmth` is
    how many requests of a kind fill the cache to 63 %.
    """

    begin: float
    width: float
    slowness: Array
    ambient: Array
    warmth: float
    watts: float


def new_state(now: float, first_interval: int, first_edge: float) -> Any:
    """Return the state of an engine that has just started."""
    state = np.zeros(1, dtype=_STATE)[0]
    state["now"], state["edge"], state["interval"] = now, first_edge, first_interval
    state["newest"], state["temperature"], state["pace"] = -1, 55.0, 0.01
    return state


def new_jobs(requests: Requests) -> Any:
    """Return the records of requests not yet seen."""
    jobs = np.zeros(len(requests.arrival), dtype=_JOB)
    for name, values in requests._asdict().items():
        jobs[name] = values
    jobs["context"] = requests.prompt
    jobs["remaining"] = requests.output - 1.0
    return jobs


def new_tables(warm: bool) -> Ints:
    """Return empty tables; a `warm` server has run for long: full cache, all shapes compiled."""
    tables = np.full(_TABLES_LENGTH, -1, dtype=np.int64)
    tables[SEEN:SHAPES] = 1_000_000 if warm else 0
    tables[SHAPES:] = int(warm)
    return tables
