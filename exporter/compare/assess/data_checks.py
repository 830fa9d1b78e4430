"""What is checked of the data of a comparison: warm-up, age, gaps, design, overlap, covariates.

Pure. Each check passes, corrects, notes what may explain an effect, or fails with what to do.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ...base.units import format_duration
from ...vocabulary.verdict import MEASURES, Measure
from ..estimate.blocker import required_overlap
from ..estimate.design import Design
from ..estimate.mix import Mix
from ..estimate.warm_up import Settling
from ..fleet.matchers import Matcher
from ..fleet.windows import Fleet, ServerFacts, Windows
from .effects import DEPENDS_ON, MIN_COVERAGE
from .result import Check, MeasureResult, NodeSpread, SpreadSource

_MAX_AGE_DIFFERENCE_SECONDS: Final = 6 * 86_400.0
_MIN_PRESENT_SHARE: Final = 0.5
_MAX_EXCLUDED_SHARE: Final = 0.5


def check_present(
    fleet: Fleet,
    sides: Mapping[str, tuple[Sequence[bool], Sequence[Matcher]]],
    warm_up: float,
) -> list[Check]:
    """Return a failed check where a side has no windows at all.

    `sides` are by name a flag for each server and what chooses them, `warm_up` is in seconds.
    """
    windows = fleet.windows
    lacking = {
        name: (sum(flags), matchers)
        for name, (flags, matchers) in sides.items()
        if not np.asarray(flags, dtype=bool)[windows.server].any()
    }
    if not lacking:
        return []
    counts = " and ".join(
        f"the {count} server{'s' * (count != 1)} of the {name}"
        for name, (count, _) in lacking.items()
    )
    if all(fleet.ran_earlier(matchers) for _, matchers in lacking.values()):
        remedy = "widen --window to a time when both ran"
    else:
        remedy = (
            f"an answer takes {format_duration(warm_up)} of warm-up at most and "
            f"{format_duration(required_overlap(windows.width))} in which both run; ask again "
            "then, or let --wait do it"
        )
    text = f"no window of {format_duration(windows.width)} has data yet of {counts}"
    return [Check(name="data", outcome="failed", text=text, remedy=remedy)]


def check_data(
    windows: Windows,
    design: Design,
    facts: Sequence[ServerFacts],
    excluded: Mapping[str, float],
    decode: MeasureResult,
    unknown: Sequence[str],
) -> list[Check]:
    """Return the checks of a comparison's windows, in the order of the report.

    `excluded` maps a reason to the seconds that the exporter left out for it; `unknown` names the
    covariates that are not known.
    """
    return [
        _warm_up(windows, design),
        _age(_median_ages(windows, design, facts)),
        _gaps(*_present_and_expected(windows), excluded),
        _design(design),
        *_node_spread(decode.node_spread),
        _overlap(decode, design),
        *_covariates(unknown),
    ]


def check_mix(mix: Mix, measures: Sequence[Measure]) -> Check:
    """Check that both sides were asked alike; `measures` are those compared."""
    if not mix.ratios:
        return Check(
            name="mix",
            outcome="noted",
            text="how long prompts and outputs are is not known, so nobody sees whether both sides "
            "were asked alike",
        )
    moved = mix.moved(*mix.ratios)
    listed = ", ".join(f"{name} {100 * (r - 1):+.0f} %" for name, r in mix.ratios.items())
    if not moved:
        return Check(name="mix", outcome="passed", text=f"both sides were asked alike: {listed}")
    refused = [
        MEASURES[measure].title
        for measure, names in DEPENDS_ON.items()
        if measure in measures and mix.moved(*names)
    ]
    left_out = f"not compared: {', '.join(refused)}; " if refused else ""
    return Check(
        name="mix",
        outcome="noted",
        text=f"the candidate was asked other things: {listed}; {left_out}the others lean on the "
        "curve's slopes for prefill share and context, and their intervals are wider for it",
        remedy="send both sides the same traffic",
    )


def _warm_up(windows: Windows, design: Design) -> Check:
    """Report how much was left out as warm-up, and why so much."""
    if design.warm_up_seconds <= 0:
        return Check(name="warm-up", outcome="passed", text="no server had just begun")
    used_seconds = float(np.nansum(windows.column("seconds")[design.keep]))
    names = "the baseline", "the candidate"
    learnt = [
        _settling(name, settling)
        for name, settling in zip(names, design.settling, strict=True)
        if settling.starts
    ]
    return Check(
        name="warm-up",
        outcome="corrected",
        text=f"{'; '.join(learnt)}; {design.warm_up_seconds / 3600:.1f} server-hours of warm-up "
        f"are left out, {used_seconds / 3600:.1f} are kept",
    )


def _settling(name: str, settling: Settling) -> str:
    """Say when a side settled after its starts."""
    if settling.outcome == "unknown":
        return f"{name} is left out for {format_duration(settling.seconds)} after a start"
    if settling.outcome == "unsettled":
        return f"{name} has not been seen to settle, {format_duration(settling.seconds)} at most"
    text = f"{name} settled {format_duration(settling.seconds)} after its start"
    if settling.slowest > settling.seconds:
        text += f", its slowest server after {format_duration(settling.slowest)}"
    if settling.first_visits:
        text += ", and is slow at a batch it meets for the first time"
    return text


def _median_ages(
    windows: Windows, design: Design, facts: Sequence[ServerFacts]
) -> tuple[float | None, float | None]:
    """Return each side's median age of its servers at their last window, in seconds."""
    ages: tuple[list[float], list[float]] = [], []
    for i in np.unique(windows.server):
        rows = windows.server == i
        last = float(windows.time[rows].max()) + windows.width
        starts = [start for start in facts[i].starts if start <= last]
        if starts:
            ages[int(design.treated[rows][0])].append(last - max(starts))
    baseline, candidate = (float(np.median(side)) if side else None for side in ages)
    return baseline, candidate


def _age(medians: tuple[float | None, float | None]) -> Check:
    """Note sides whose servers have been up for very different times."""
    baseline, candidate = medians
    if baseline is None or candidate is None:
        return Check(name="age", outcome="noted", text="when the servers began is not known")
    if abs(baseline - candidate) > _MAX_AGE_DIFFERENCE_SECONDS:
        return Check(
            name="age",
            outcome="noted",
            text=f"baseline servers have been up for {baseline / 86_400:.1f} days, candidate ones "
            f"for {candidate / 86_400:.1f}; long-lived servers can be slower by age alone",
            remedy="restart one baseline server and compare again",
        )
    return Check(name="age", outcome="passed", text="servers of similar age")


def _present_and_expected(windows: Windows) -> tuple[float, float]:
    """Return the windows present and those between each server's first and last, in seconds."""
    present = expected = 0.0
    for i in np.unique(windows.server):
        times = np.unique(windows.time[windows.server == i])
        present += len(times) * windows.width
        expected += float(times[-1] - times[0]) + windows.width
    return present, expected


def _gaps(present: float, expected: float, excluded: Mapping[str, float]) -> Check:
    """Note missing windows and what the exporter itself left out, in seconds."""
    # time without a latency alone is in its cell
    counted = ("warm_up", "implausible_latency")
    lost = sum(seconds for reason, seconds in excluded.items() if reason not in counted)
    listed = ", ".join(
        f"{reason} {seconds / 3600:.1f} h" for reason, seconds in sorted(excluded.items())
    )
    if expected > 0 and present < _MIN_PRESENT_SHARE * expected:
        return Check(
            name="gaps",
            outcome="noted",
            text=f"only {present / expected:.0%} of the windows between the first and the last "
            "have data",
            remedy="look for outages of the exporter or of Prometheus in that time",
        )
    if lost > _MAX_EXCLUDED_SHARE * max(present, 1.0):
        return Check(
            name="gaps",
            outcome="noted",
            text=f"the exporter left out much time: {listed}",
            remedy="see inferfleet_load_excluded_seconds_total for the servers concerned",
        )
    return Check(
        name="gaps",
        outcome="passed",
        text="no large gaps" + (f"; left out: {listed}" if listed else ""),
    )


def _design(design: Design) -> Check:
    """Check that the design has what it needs."""
    if design.fault:
        return Check(name="design", outcome="failed", text=design.fault, remedy=design.remedy)
    return Check(
        name="design",
        outcome="passed",
        text=f"{design.kind}: {design.servers[0]} {design.unit}s on the baseline, "
        f"{design.servers[1]} on the candidate, {design.hours[1]:.1f} h of the candidate",
    )


def _node_spread(spread: NodeSpread | None) -> list[Check]:
    """Say what nodes are taken to differ by, and what that is from."""
    if spread is None:
        return []
    subject = {
        "machines": "servers of one release are taken to differ by",
        "starts": "a server is taken to change from start to start by",
    }[spread.between]
    listed = ", ".join(
        f"{_percent(source.deviation)} {_source(source)} ({source.degrees_of_freedom:.0f})"
        for source in spread.sources
    )
    text = (
        f"{subject} {_percent(spread.deviation)} at equal load (standard deviation, with "
        f"{spread.degrees_of_freedom:.0f} degrees of freedom): {listed}"
    )
    if spread.past_release is not None:
        text = f"each server is set against its own speed under {spread.past_release}; {text}"
    return [Check(name="spread", outcome="passed", text=text)]


def _source(source: SpreadSource) -> str:
    if source.source == "assumed":
        return "assumed beforehand"
    if source.source == "compared_servers":
        return f"of the {source.servers} compared"
    return f"of {source.servers} other servers ({', '.join(source.releases)})"


def _percent(deviation: float) -> str:
    return f"{100 * deviation:.1f} %"


def _overlap(decode: MeasureResult, design: Design) -> Check:
    """Check that the candidate worked at loads the baseline had."""
    if decode.coverage is None:
        return Check(name="overlap", outcome="noted", text="how far the loads overlap is not known")
    refused = decode.verdict == "not_comparable" and not design.fault
    if refused and decode.coverage < MIN_COVERAGE:
        return Check(name="overlap", outcome="failed", text=decode.reason, remedy=decode.remedy)
    return Check(
        name="overlap",
        outcome="passed",
        text=f"{decode.coverage:.0%} of the candidate's decode tokens at loads the baseline had",
    )


def _covariates(unknown: Sequence[str]) -> list[Check]:
    return [
        Check(
            name="covariates",
            outcome="noted",
            text=f"the {name} is not known, so it is not corrected for",
            remedy="check which series the engine release gives (docs/support.md)",
        )
        for name in unknown
    ]
