"""Loads to measure at: where the fleet's decoded tokens are made. Pure arithmetic.

`compare` weighs batch cells by their decoded tokens, so the points are quantiles of those: a mean
over an hour with idle minutes in it is a batch that the fleet may never have run. So may the
quantile itself be, where the load jumps: it is taken from the tokens around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from .traffic import Cell

QUANTILES: Final = {"quiet": 0.1, "typical": 0.5, "busy": 0.9}
"""Share of the decoded tokens that are made at this batch or a smaller one."""

_TOKEN_WINDOW: Final = 0.1
"""Share of the tokens, to each side of a quantile, among which its batch is the commonest."""

_MIN_ROUNDS: Final = 4
"""Requests that each place is filled with at least, so that the ramps are the smaller part."""


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One load: `concurrency` requests at a time, `prompts` of them in all.

    `decode_batch` is the fleet's mean there; `seconds` is about how long the prompts take a server
    as fast as the fleet's.
    """

    name: str
    concurrency: int
    decode_batch: float
    prompts: int
    seconds: float


def load_points(
    cells: Sequence[Cell], output_tokens: float, point_seconds: float
) -> tuple[LoadPoint, ...]:
    """Return the points of the cells, quietest first; those of one concurrency are one point.

    Each lasts about `point_seconds`, for requests of `output_tokens` tokens.
    """
    ordered = sorted(
        (cell for cell in cells if cell.decode_tokens > 0), key=lambda cell: cell.decode_batch
    )
    names: dict[int, list[str]] = {}
    chosen: dict[int, Cell] = {}
    for name, share in QUANTILES.items() if ordered else ():
        cell = _at(ordered, share)
        concurrency = max(round(cell.in_flight), 1)
        names.setdefault(concurrency, []).append(name)
        chosen.setdefault(concurrency, cell)
    return tuple(
        _point("-".join(names[concurrency]), concurrency, cell, output_tokens, point_seconds)
        for concurrency, cell in sorted(chosen.items())
    )


def _at(ordered: Sequence[Cell], share: float) -> Cell:
    """Return the cell that makes most of the tokens around a share of all, the first of several."""
    total, below = sum(cell.decode_tokens for cell in ordered), 0.0
    parts = []
    for cell in ordered:
        above = below + cell.decode_tokens / total
        part = min(above, share + _TOKEN_WINDOW) - max(below, share - _TOKEN_WINDOW)
        parts.append(round(part, 9))
        below = above
    return ordered[parts.index(max(parts))]


def _point(
    name: str, concurrency: int, cell: Cell, output_tokens: float, point_seconds: float
) -> LoadPoint:
    # the first token of a request is none of the decoded ones
    requests_per_second = cell.tokens_per_second / max(output_tokens - 1.0, 1.0)
    prompts = max(ceil(requests_per_second * point_seconds), _MIN_ROUNDS * concurrency)
    seconds = prompts / requests_per_second
    return LoadPoint(name, concurrency, cell.decode_batch, prompts, seconds)
