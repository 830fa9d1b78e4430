"""What a judge said of one fleet, beside the truth."""

from dataclasses import dataclass
from typing import Final

from alerts.values import load

MARGIN: Final = load().matched.margin
CALLS: Final = ("regression", "improvement")


@dataclass(frozen=True)
class Outcome:
    """One judge's verdict on one measure of one fleet; ratios above 1 are better, None unknown.

    `true` is what the candidate's judged work would have taken on the baseline over what it took.
    """

    scenario: str
    design: str
    seed: int
    judge: str
    measure: str
    verdict: str
    true: float | None
    ratio: float | None = None
    lower: float | None = None
    upper: float | None = None

    @property
    def direction(self) -> str:
        """The call that the truth deserves: nothing where it is nearer to 1 than half a margin."""
        if self.true is None or abs(self.true - 1.0) < 0.5 * MARGIN:
            return "equivalent"
        return "regression" if self.true < 1.0 else "improvement"

    @property
    def is_wrong(self) -> bool:
        """Whether it calls what is not there or its opposite, or takes a large change for none."""
        if self.true is None:
            return False
        if self.verdict in CALLS:
            return self.verdict != self.direction
        return self.verdict == "equivalent" and abs(self.true - 1.0) > 1.5 * MARGIN

    @property
    def is_right(self) -> bool:
        """Whether it says what is there."""
        if self.true is not None and abs(self.true - 1.0) < MARGIN:
            return self.verdict in ("equivalent", self.direction)
        return self.verdict == self.direction

    @property
    def covers(self) -> bool | None:
        """Whether the interval holds the truth, None where there is none."""
        if self.true is None or self.lower is None or self.upper is None:
            return None
        return self.lower <= self.true <= self.upper
