"""Time per token by decode batch, from load cells."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...derive.load_cell import IDLE, PREFILL, Work
from ...derive.meter import LoadCells


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The work at decode batches up to `batch` (load cells are half-octaves).

    `seconds_per_token` is how long a sequence took for a token, `seconds` the time spent there and
    `tokens` what was decoded in it.
    """

    batch: float
    seconds_per_token: float
    seconds: float
    tokens: float


def load_curve(load: LoadCells) -> tuple[LoadPoint, ...]:
    """Return the points of a server's load cells, of all its engines, by ascending batch."""
    sums: dict[float, list[Work]] = {}
    for (_, batch), work in load.cells.items():
        if batch not in (IDLE, PREFILL):
            sums.setdefault(float(batch), []).append(work)
    points = (_point(batch, works) for batch, works in sorted(sums.items()))
    return tuple(point for point in points if point is not None)


def _point(batch: float, works: list[Work]) -> LoadPoint | None:
    tokens = _total(works, "decode_tokens")
    time = _total(works, "decode_sequence_seconds")
    if not tokens or not time:
        return None
    return LoadPoint(batch, time / tokens, _total(works, "seconds"), tokens)


def _total(works: list[Mapping[str, float]], quantity: str) -> float:
    return sum(work.get(quantity, 0.0) for work in works)
