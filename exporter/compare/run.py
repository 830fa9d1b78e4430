"""One run of `inferfleet compare`: options in, a report out. Reads the fleet, decides nothing."""

import sys
from collections.abc import Callable
from dataclasses import replace
from time import sleep as _sleep
from time import time as _now
from typing import Final

from .. import __version__
from ..base.errors import CompareError
from .assess.comparison import Question, compare
from .assess.result import PhaseRatio, Report
from .assess.verdict import worst
from .assess.wording import overall_headline
from .fleet.matchers import format_matchers
from .fleet.phases import Phase
from .fleet.query import Progress, fetch_fleet
from .fleet.recordings import WIDTH, read_recordings
from .fleet.span import Span
from .fleet.windows import Fleet, Windows
from .options import Options, api_of, parse_deadline, question_of
from .sequential import Waiting, wait_for_verdict
from .sides import check_baseline, check_sides, missing_sides

_NO_PROGRESS: Final[Progress] = lambda share, text: None  # noqa: E731


def run(
    options: Options,
    progress: Progress = _NO_PROGRESS,
    now: Callable[[], float] = _now,
    sleep: Callable[[float], None] = _sleep,
) -> Report:
    """Return the report; raise `CompareError` or another `InferfleetError` naming the fault.

    With `options.wait` it is asked again, and each time a line on standard error says why.
    """
    if options.recordings:
        return _compare_recordings(options, now)
    if not options.prometheus:
        raise CompareError("give --prometheus URL, or --recording twice")
    question = question_of(options)
    if not (question.baseline and question.candidate):
        raise CompareError("give both --baseline and --candidate, such as 'version=\"0.20.2\"'")
    api, began = api_of(options), now()
    end = options.end if options.end is not None else began
    start = options.start if options.start is not None else end - options.window
    if start >= end:
        raise CompareError("--from must be before --to")
    sides = question.baseline, question.candidate

    def read(until: float) -> Fleet:
        span = Span(start, until, options.step)
        fleet = fetch_fleet(api, sides, question.models, span, progress, options.keep_labels)
        check_baseline(fleet, question)
        return fleet

    def judge(fleet: Fleet, asked: Question, until: float) -> Report:
        # who waits may wait for the candidate to appear
        check_sides(fleet, asked)
        return report_of(fleet, asked, now(), Span(start, until, options.step))

    if not options.wait:
        return judge(read(end), question, end)
    if options.end is not None:
        raise CompareError("--wait: asks until now, again and again; leave out --to")
    until = parse_deadline(options.wait, "--wait", began)
    return wait_for_verdict(question, Waiting(until, read, judge, now, sleep, _tell))


def _tell(line: str) -> None:
    print(f"inferfleet: {line}", file=sys.stderr, flush=True)


def _compare_recordings(options: Options, now: Callable[[], float]) -> Report:
    if len(options.recordings) != 2:
        raise CompareError("--recording: give it twice, the baseline first")
    if options.wait:
        raise CompareError("--wait: a recording does not grow; leave it out")
    if options.prometheus or options.baseline or options.candidate or options.model:
        raise CompareError(
            "--recording: the two recordings are the sides; leave out --prometheus, --baseline, "
            "--candidate and --model"
        )
    names = options.recordings[0], options.recordings[1]
    recorded = read_recordings(names, options.step or WIDTH)
    baseline, candidate = (f'release="{release}"' for release in recorded.releases)
    question = question_of(replace(options, baseline=baseline, candidate=candidate))
    # recordings last minutes: without the warm-up nothing would be left
    report = report_of(recorded.fleet, replace(question, warm_up=0.0), now(), None)
    if not report.comparisons:
        raise CompareError("--recording: the two are not of one model and one type of GPU")
    ratios = _phase_ratios(recorded.phases, recorded.fleet.windows)
    comparison = report.comparisons[0].model_copy(update={"phases": ratios})
    return report.model_copy(update={"comparisons": (comparison,)})


def _phase_ratios(phases: tuple[Phase, ...], windows: Windows) -> tuple[PhaseRatio, ...]:
    """Return a line for each phase in which both sides worked."""
    ratios = list[PhaseRatio]()
    for phase in phases:
        client, cells = phase.client_ratio, phase.cells_ratio(windows)
        if client is not None and cells is not None:
            ratios.append(PhaseRatio(phase=phase.name, client_ratio=client, cells_ratio=cells))
    return tuple(ratios)


def report_of(fleet: Fleet, question: Question, now: float, span: Span | None) -> Report:
    """Return the report on a fleet; `now` is when it is made, in Unix seconds."""
    comparisons = compare(fleet, question)
    return Report(
        inferfleet_version=__version__,
        generated_at=now,
        source=fleet.source,
        baseline=format_matchers(question.baseline),
        candidate=format_matchers(question.candidate),
        margin=question.margin,
        alpha=question.alpha,
        window_seconds=fleet.windows.width,
        start=span.start if span else None,
        end=span.end if span else None,
        headline=overall_headline(comparisons) or missing_sides(fleet, question),
        verdict=worst([comparison.verdict for comparison in comparisons]),
        comparisons=comparisons,
        notes=fleet.notes,
    )
