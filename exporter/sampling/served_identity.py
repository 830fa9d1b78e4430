"""A model's identity over its life: when it is read, which one counts, and what follows from it.

An identity without a source that has yet to answer, or that spoke before a restart, would be of
another class until that source speaks, and the data of one server would be that of two. vLLM works
its settings out when it is first asked for them, which takes seconds, and a loaded server answers
late after its start. So such an identity counts only once the source is given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from ..derive.summary import ServerLimits
from ..engines.catalog import PageContext
from ..engines.identity import Identity, Source
from ..engines.plan import Labels

_RETRY_SECONDS: Final = 15.0
"""Until an incomplete identity is read again; twice as long each further time."""
_RETRIES: Final = 10
_GIVEN_UP_AFTER: Final = 4
"""Incomplete readings in a row, 105 s, after which what stays silent is given up."""


@dataclass(frozen=True, slots=True)
class Description:
    """What follows from an `identity`, worked out once: samples ask for it, and it hardly changes.

    `labels` are those of load cells, None where the release is unknown.
    """

    identity: Identity | None
    context: PageContext
    limits: ServerLimits
    labels: Labels | None


UNKNOWN: Final = Description(None, PageContext(), ServerLimits(), None)


def describe(identity: Identity) -> Description:
    """Return what follows from an identity."""
    limits = ServerLimits(
        identity.number("max_num_seqs"),
        identity.number("max_num_batched_tokens"),
        identity.number("gpus"),
        identity.number("max_model_len"),
    )
    labels = (
        ("engine", identity.engine),
        ("release", identity.release),
        ("model", identity.text("model")),
        ("gpu_model", identity.text("gpu_model")),
        ("class", identity.server_class),
    )
    context = identity.page_context()
    return Description(identity, context, limits, labels if identity.release else None)


class ServedIdentity:
    """Keeps the identity of one model.

    `current` is that of the process which serves it, as its endpoints and documents say, None
    while unknown; `last` is the newest known, its GPUs among it, also that of a process that has
    ended. `resets` says how often it was forgotten, `faults` why endpoints told nothing when they
    were asked last, a sentence each. Unless `patient`, silent sources are given up at once.
    """

    def __init__(self, patient: bool = True) -> None:
        self.current: Identity | None = None
        self.last: Identity | None = None
        self.resets = 0
        self.faults: Sequence[str] = ()
        self._given_up_after = _GIVEN_UP_AFTER if patient else 1
        self._descriptions: tuple[Description, ...] = ()
        self._read_at = float("-inf")
        self._incomplete_readings = 0

    def described(self, identity: Identity | None) -> Description:
        """Return what follows from an identity, worked out once for each that is in use."""
        if identity is None:
            return UNKNOWN
        for known in self._descriptions:
            if known.identity is identity:
                return known
        # the identity as it was read, and that with the GPUs which telemetry knows
        self._descriptions = (describe(identity), *self._descriptions[:1])
        return self._descriptions[0]

    def due(self, now: float, refresh: float) -> bool:
        """Whether it is to be read again (`now`: monotonic s), `refresh` s after a whole one."""
        wait = refresh
        if self._incomplete_readings:
            wait = min(wait, _RETRY_SECONDS * 2 ** (self._incomplete_readings - 1))
        return now - self._read_at >= wait

    def mark_reading(self) -> None:
        """Note that it is being read, so that it is not read twice at once."""
        self._read_at = monotonic()

    def expire(self) -> None:
        """Have it read again at once; until then it stays."""
        self._read_at = float("-inf")

    def forget(self) -> None:
        """Drop it, as after a restart."""
        self.resets += 1
        self.current = None
        self.faults = ()
        self._incomplete_readings = 0
        self.expire()

    def take(self, identity: Identity, complete: bool) -> None:
        """Replace the current one by one just read, where it says as much or nothing is awaited.

        `complete` says whether every endpoint answered, be it by a refusal.
        """
        if complete and not self._silent_sources(identity):
            self._incomplete_readings = 0
        else:
            self._incomplete_readings = min(self._incomplete_readings + 1, _RETRIES)
            if self._incomplete_readings < self._given_up_after:
                return
        if self.current is None or not _stands(self.current, identity):
            self.current = identity

    def _silent_sources(self, identity: Identity) -> frozenset[Source]:
        """Return what spoke of the server before and does not now; telemetry speaks later."""
        known = self.current or self.last
        if known is None or known.engine != identity.engine:
            return frozenset()
        return known.sources - identity.sources - {"telemetry"}


def _stands(before: Identity, identity: Identity) -> bool:
    """Whether an identity holds though another was read since, whose sources say less."""
    if identity.sources > before.sources:
        # one that speaks for the first time may know that a fact was wrong
        return False
    for name in before.facts.keys() & identity.facts.keys():
        fact, now = before.facts[name], identity.facts[name]
        if fact.source == now.source and fact.value != now.value:
            # another process, of which the silent sources have said nothing
            return False
    return identity.sources != before.sources or not before.facts.keys() <= identity.facts.keys()
