"""Where panels stand on Grafana's grid of 24 columns."""

from collections.abc import Sequence
from typing import Final

COLUMNS: Final = 24


def positions(sizes: Sequence[tuple[int, int]], top: int) -> list[tuple[int, int]]:
    """Return x and y of panels by width and height, left to right in lines from `top` down."""
    x, y, next_line = 0, top, top
    places = []
    for width, height in sizes:
        if x + width > COLUMNS:
            x, y = 0, next_line
        places.append((x, y))
        x, next_line = x + width, max(next_line, y + height)
    return places
