"""One run of `inferfleet compare`: options in, a report out. Reads the fleet, decides nothing."""

import sys
from collections.abc import Callable
from time import sleep as _sleep
from time import time as _now
from typing import Final

from .. import __version__
from ..base.errors import CompareError
from .assess.comparison import Question, compare
from .assess.criteria import Criteria
from .assess.result import Report
from .assess.verdict import worst
from .assess.wording import overall_headline
from .fleet.matchers import format_matchers
from .fleet.query import Progress, fetch_fleet
from .fleet.recordings import OPTIONS, WIDTH, read_recordings
from .fleet.span import Span
from .fleet.windows import Fleet
from .options import Options, api_of, parse_deadline, question_of
from .replicates.comparison import compare_runs
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
    if options.baseline_recordings or options.candidate_recordings:
        return _compare_recordings(options, now)
    if not options.prometheus:
        raise CompareError(f"give --prometheus URL, or {' and '.join(OPTIONS)}")
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

    def judge(fleet: Fleet, question: Question, until: float) -> Report:
        # who waits may wait for the candidate to appear
        check_sides(fleet, question)
        return report_of(fleet, question, now(), Span(start, until, options.step))

    if not options.wait:
        return judge(read(end), question, end)
    if options.end is not None:
        raise CompareError("--wait: asks until now, again and again; leave out --to")
    until = parse_deadline(options.wait, "--wait", began)
    return wait_for_verdict(question, Waiting(until, read, judge, now, sleep, _tell))


def _tell(line: str) -> None:
    print(f"inferfleet: {line}", file=sys.stderr, flush=True)


def _compare_recordings(options: Options, now: Callable[[], float]) -> Report:
    question = question_of(options)
    recorded = read_recordings(
        options.baseline_recordings, options.candidate_recordings, options.step or WIDTH
    )
    comparison = compare_runs(recorded, Criteria(options.margin, options.alpha), question.claim)
    names = [server.target for server in recorded.fleet.windows.servers]
    baselines = len(options.baseline_recordings)
    return Report(
        inferfleet_version=__version__,
        generated_at=now(),
        source=recorded.fleet.source,
        baseline=", ".join(names[:baselines]),
        candidate=", ".join(names[baselines:]),
        margin=options.margin,
        alpha=options.alpha,
        window_seconds=recorded.fleet.windows.width,
        start=None,
        end=None,
        headline=comparison.headline,
        verdict=comparison.verdict,
        comparisons=(comparison,),
        notes=recorded.fleet.notes,
    )


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
        alpha=min((comparison.alpha for comparison in comparisons), default=question.alpha),
        window_seconds=fleet.windows.width,
        start=span.start if span else None,
        end=span.end if span else None,
        headline=overall_headline(comparisons) or missing_sides(fleet, question),
        verdict=worst([comparison.verdict for comparison in comparisons]),
        comparisons=comparisons,
        notes=fleet.notes,
    )
