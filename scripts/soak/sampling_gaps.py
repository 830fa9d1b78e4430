"""How evenly servers were sampled, by when each was asked for its page. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

_LATE = 1.5


@dataclass(frozen=True, slots=True)
class SamplingGaps:
    """Samples that followed another of their server, and how many came late.

    `late` counts those more than one and a half intervals behind the one before; `longest` is the
    longest time between two, in seconds. `servers` were sampled twice at least.
    """

    servers: int
    samples: int
    late: int
    longest: float


def sampling_gaps(
    arrivals: Iterable[tuple[float, int]], begin: float, end: float, interval: float
) -> SamplingGaps:
    """Return how arrivals (monotonic seconds, server) between two moments were spaced."""
    by_server = defaultdict[int, list[float]](list)
    for time, server in arrivals:
        if begin <= time <= end:
            by_server[server].append(time)
    gaps = [b - a for times in by_server.values() for a, b in pairwise(times)]
    return SamplingGaps(
        sum(len(times) > 1 for times in by_server.values()),
        len(gaps),
        sum(gap > _LATE * interval for gap in gaps),
        max(gaps, default=0.0),
    )
