"""How many runs of each side, and in which order. Pure arithmetic."""

from collections.abc import Sequence

from ..base.errors import CompareError
from ..compare.replicates.effect import MAX_RUNS, runs_to_detect

SIDES = "baseline", "candidate"


def runs_per_side(effect: float, spread: float, alpha: float = 0.05) -> int:
    """Return the runs of each side with which an effect is found in 80 % of cases.

    `effect` is a relative change of speed, `spread` the relative standard deviation of runs of one
    set-up. Raises `CompareError` where it takes more than anyone runs.
    """
    count = runs_to_detect((spread**2, spread**2), effect, alpha)
    if count is None:
        raise CompareError(
            f"--effect: {effect:.2%} between runs that differ by {spread:.2%} takes more than "
            f"{MAX_RUNS} runs a side; give a larger effect"
        )
    return count


def order_of(count: int) -> tuple[str, ...]:
    """Return the side of each run, `count` of each: A B B A B A A B and so on.

    It is the sequence of Thue and Morse: of any two runs that begin at an even place one is of each
    side, and of any four a steady drift of the machine falls on both sides alike.
    """
    return tuple(SIDES[run.bit_count() % 2] for run in range(2 * count))


def run_names(order: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each run, by its number and its side: `01-baseline`."""
    return tuple(f"{number:02d}-{side}" for number, side in enumerate(order, 1))
