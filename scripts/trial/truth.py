"""What the candidate's judged work would have taken on the old release, over what it took.

This is the estimand of `compare`: all work in the windows that its design keeps, at loads that the
baseline had or not. It is the truth of the load that there was, and no other's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from exporter.compare.assess.comparison import Question
from exporter.compare.estimate.design import choose_design
from exporter.compare.fleet.arrays import Mask
from exporter.compare.fleet.windows import Fleet
from exporter.vocabulary.verdict import Measure

from .cells import NEW

COUNTERS: Final[Mapping[Measure, tuple[str, str]]] = {
    "decode": ("decode_baseline_seconds", "decode_sequence_seconds"),
    "prefill": ("finished_prefill_baseline_seconds", "finished_prefill_seconds"),
    "energy": ("baseline_joules", "joules"),
    "speculation": ("spec_accepted_tokens", "spec_accepted_baseline_tokens"),
}
"""Each measure's true change: one counter over the other, of which one is of the old release.

With speculation decoding is judged by the step, so that what is accepted is a measure of its own.
"""

_OF_CACHES: Final = ("prefill", "energy")
"""Measures that are judged of work with full caches alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The candidate's judged work of a fleet, by row of its windows.

    `judged` marks the rows that decoding is judged of, `warm` those of what caches bear on.
    """

    fleet: Fleet
    judged: Mask
    warm: Mask

    def ratio(self, measure: Measure, low: float = -1.0, high: float = np.inf) -> float:
        """Return the true change of speed, 1 for none, nan where there was no such work.

        Of work at batches above `low` up to `high`, edges of cells.
        """
        windows = self.fleet.windows
        rows = self.warm if measure in _OF_CACHES else self.judged
        rows = rows & (windows.batch > low) & (windows.batch <= high)
        top, bottom = (float(np.nansum(windows.column(name)[rows])) for name in COUNTERS[measure])
        return top / bottom if bottom else float("nan")

    def ratios(self) -> dict[str, float]:
        """Return the true change of each measure that has one, and of the whole.

        The whole is decode's, or prefill's where that is a loss larger than decode's.
        """
        found: dict[str, float] = {name: self.ratio(name) for name in COUNTERS}
        whole = found["decode"]
        if found["prefill"] < min(whole, 1.0):
            whole = found["prefill"]
        return {**found, "overall": whole}


def truth_of(fleet: Fleet, question: Question) -> Truth:
    """Return the truth of a fleet's candidate, of the work that a question judges."""
    windows = fleet.windows
    candidate = [server.release == NEW for server in windows.servers]
    design = choose_design(windows, candidate, fleet.facts, question.warm_up, end=fleet.end)
    judged = design.treated & design.keep
    return Truth(fleet, judged, judged & ~design.young)
