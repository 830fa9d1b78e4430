"""Made fleets whose machines are as fast as a test says: windows of decoding and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from exporter.compare.fleet.windows import Fleet, ServerFacts, ServerKey, Windows

WIDTH: Final = 300.0
START: Final = 1_700_000_100.0


@dataclass(frozen=True)
class Life:
    """A server's time under a release, in hours; `slowness` is the log of its time per token."""

    node: str
    release: str
    first: float
    last: float
    slowness: float = 0.0
    started: bool = False


def made_fleet(lives: Sequence[Life], seed: int = 0, noise: float = 0.003) -> Fleet:
    """Return the lives as a fleet; a token takes 10 ms and 0.05 ms for each sequence."""
    random = np.random.default_rng(seed)
    server, time = list[int](), list[float]()
    for i, life in enumerate(lives):
        times = np.arange(life.first * 3600.0, life.last * 3600.0, WIDTH)
        server += [i] * len(times)
        time += [START + float(each) for each in times]
    number, moment = np.array(server, dtype=np.int64), np.array(time)
    hour = (moment - START) / 3600.0
    batch = 12.0 + 4.0 * np.sin(hour) + random.uniform(-2.0, 2.0, len(hour))
    slowness = np.array([life.slowness for life in lives])[number]
    slowness = slowness + noise * random.standard_normal(len(hour))
    sequence_seconds = batch * WIDTH
    tokens = sequence_seconds / (0.010 + 0.00005 * batch) * np.exp(-slowness)
    edges = 2.0 ** np.ceil(np.log2(batch))
    sums = {
        "seconds": np.full(len(hour), WIDTH),
        "gpu_seconds": np.full(len(hour), WIDTH),
        "decode_sequence_seconds": sequence_seconds,
        "decode_tokens": tokens,
        "prefill_tokens": 0.3 * tokens,
        "context_token_seconds": 900.0 * sequence_seconds,
    }
    servers = tuple(
        ServerKey(life.node, "vllm", life.release, "m", "NVIDIA H200", "abc") for life in lives
    )
    facts = tuple(_facts(life) for life in lives)
    return Fleet(Windows(servers, number, moment, edges, WIDTH, sums), facts, source="made")


def _facts(life: Life) -> ServerFacts:
    labels = {
        "engine": "vllm",
        "version": life.release,
        "release": life.release,
        "model": "m",
        "gpu_model": "NVIDIA H200",
        "class": "abc",
    }
    starts = (START + 3600.0 * life.first,) if life.started else ()
    return ServerFacts(labels, {}, starts)
