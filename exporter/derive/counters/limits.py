"""What a server may do at most, as its identity says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Limits of a server, None where unknown.

    Sequences, tokens per step and tokens per request are those of one engine; `gpus` are all of
    the server's.
    """

    max_num_seqs: float | None = None
    max_num_batched_tokens: float | None = None
    gpus: float | None = None
    max_model_len: float | None = None
