"""What is checked of recorded runs: how many, alike within a side, independent, in what order.

Pure. Each check passes, notes what may explain an effect, or fails with what to do.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ..assess.checks import label_values
from ..assess.effects import MIN_COVERAGE
from ..assess.result import Check, Difference, MeasureResult
from ..fleet.phases import Phase
from ..fleet.windows import ServerFacts
from .effect import MIN_RUNS
from .measures import MORE_RUNS, lacking_runs

_ALIKE = ("version", "runner", "quantization", "kv_cache_dtype", "config")
_SAME_START_SECONDS = 0.02
"""By how much the start of one process may differ between two pages of it: clocks are adjusted."""

_SIDES = "baseline", "candidate"


def check_runs(
    facts: Mapping[str, ServerFacts],
    candidate: Sequence[bool],
    spans: Sequence[tuple[float, float]],
    differing: Sequence[Difference],
) -> list[Check]:
    """Return the checks of the runs, in the order of the report.

    `facts` are by name of the run; `candidate` holds of each whether it is the candidate's, `spans`
    are the Unix times of its first and last page; `differing` are the settings that differ between
    the sides.
    """
    names = list(facts)
    sides = [
        [name for name, is_new in zip(names, candidate, strict=True) if is_new == side]
        for side in (False, True)
    ]
    return [
        _count((len(sides[0]), len(sides[1]))),
        *_replicates(facts, sides),
        *_starts(facts, dict(zip(names, spans, strict=True))),
        _order(spans, candidate),
        *_equal_sides(facts, sides, differing),
    ]


def check_overlap(decode: MeasureResult) -> Check:
    """Return whether the runs worked at batches that all of them had."""
    if decode.coverage is None:
        return Check(name="overlap", outcome="noted", text="how far the loads overlap is not known")
    if decode.coverage < MIN_COVERAGE:
        return Check(name="overlap", outcome="failed", text=decode.reason, remedy=decode.remedy)
    return Check(
        name="overlap",
        outcome="passed",
        text=f"{decode.coverage:.0%} or more of each run's decode tokens at batches all runs had",
    )


def check_requests(phases: Mapping[str, Sequence[Phase]]) -> list[Check]:
    """Note the phase in which most requests of a load client failed; `phases` are by run."""
    failed = [
        (phase.failed / phase.requests, run, phase)
        for run, run_phases in phases.items()
        for phase in run_phases
        if phase.failed
    ]
    if not failed:
        return []
    _, run, worst = max(failed, key=lambda entry: entry[0])
    return [
        Check(
            name="requests",
            outcome="noted",
            text=f"{worst.failed:,} of {worst.requests:,} requests of the client failed in the "
            f"phase {worst.name} of {run}, where most did: what it measured is of the others",
            remedy="look into the server's log for why",
        )
    ]


def _count(counts: tuple[int, int]) -> Check:
    fault = lacking_runs(counts)
    if fault:
        return Check(name="runs", outcome="failed", text=fault, remedy=MORE_RUNS)
    return Check(
        name="runs",
        outcome="passed",
        text=f"replicates: {counts[0]} runs of the baseline, {counts[1]} of the candidate",
    )


def _replicates(facts: Mapping[str, ServerFacts], sides: Sequence[Sequence[str]]) -> list[Check]:
    """Note settings that differ within a side: then its runs are no replicates."""
    if max(map(len, sides)) < MIN_RUNS:
        return []
    for side, names in zip(_SIDES, sides, strict=True):
        for label in _ALIKE:
            values = label_values([facts[name] for name in names], label)
            if len(values) > 1:
                text = f"{label} is not the same in all runs of the {side}: {', '.join(values)}"
                return [
                    Check(
                        name="replicates",
                        outcome="noted",
                        text=f"{text}; what it changes counts as the spread of runs",
                        remedy="give a side runs of one set-up",
                    )
                ]
    return [Check(name="replicates", outcome="passed", text="each side's runs are set up alike")]


def _starts(
    facts: Mapping[str, ServerFacts], spans: Mapping[str, tuple[float, float]]
) -> list[Check]:
    """Note runs of one server process: what a start settles is not in their spread.

    One process has its runs one after another; runs that overlap are of two that started together.
    """
    starts = sorted((start, name) for name, server in facts.items() for start in server.starts[-1:])
    for (start, name), (later, other) in pairwise(starts):
        (first, last), (other_first, other_last) = spans[name], spans[other]
        apart = last <= other_first or other_last <= first
        if later - start <= _SAME_START_SECONDS and apart:
            return [
                Check(
                    name="starts",
                    outcome="noted",
                    text=f"{name} and {other} are of one start of the server: what changes from "
                    "start to start is not in the spread, and the interval is too narrow",
                    remedy="start the server anew for each run",
                )
            ]
    return []


def _order(spans: Sequence[tuple[float, float]], candidate: Sequence[bool]) -> Check:
    """Note sides of which one ran wholly before the other."""
    old, new = (
        [span for span, is_new in zip(spans, candidate, strict=True) if is_new == side]
        for side in (False, True)
    )
    for first, following, name in ((old, new, "baseline"), (new, old, "candidate")):
        if max(end for _, end in first) <= min(start for start, _ in following):
            return Check(
                name="order",
                outcome="noted",
                text=f"all runs of the {name} were over before the other side began: what changed "
                "on the machines in between counts as the release's",
                remedy="alternate the sides, or run them side by side",
            )
    return Check(name="order", outcome="passed", text="the sides ran in the same time")


def _equal_sides(
    facts: Mapping[str, ServerFacts],
    sides: Sequence[Sequence[str]],
    differing: Sequence[Difference],
) -> list[Check]:
    """Note sides that are one set-up (A/A): whatever is called there is not the release's."""
    if any(difference.name in _ALIKE for difference in differing):
        return []
    old, new = (label_values([facts[name] for name in names], "version") for names in sides)
    if old != new:
        return []
    return [
        Check(
            name="A/A",
            outcome="noted",
            text="both sides have one version and one configuration, as far as is known: if they "
            "are one set-up, what they differ by is noise, or the machines",
        )
    ]
