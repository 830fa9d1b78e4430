"""What samples need to know of a server's identity, in the form in which they need it."""

from dataclasses import dataclass
from typing import Final

from ..derive.summary import ServerLimits
from ..engines.catalog import PageContext
from ..engines.identity import Identity
from ..engines.plan import Labels


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
