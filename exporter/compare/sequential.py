"""Asking again until there is a verdict or the time is over: `inferfleet compare --wait`.

Reads at growing times, judges only at looks that share the significance level
(`estimate.spending`), and says on the way what is missing and when it asks again. Clock and sleep
are the caller's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ..base.units import format_utc
from ..base.untrusted import SENTENCE_CHARACTERS, one_line
from .assess.comparison import Question
from .assess.result import Comparison, Report
from .assess.upgrades import first_work
from .estimate.spending import FIRST_LOOK, look_level, look_times
from .fleet.api import QueryError
from .fleet.windows import Fleet
from .sides import absence

_PAUSES: Final = (60.0, 120.0, 240.0, 480.0, 900.0)
"""Seconds between two readings that no look is made at: the last again and again."""
_EARLY: Final = 1.0
"""Seconds that a sleep may end too soon and still be for its look."""
_UNDECIDED: Final = ("inconclusive", "not_comparable")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Until when to wait (Unix seconds), how to read and judge, and whom to tell.

    `read` returns the fleet up to a Unix time, `judge` the report on it, `tell` is given lines.
    """

    until: float
    read: Callable[[float], Fleet]
    judge: Callable[[Fleet, Question, float], Report]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    tell: Callable[[str], None]


def wait_for_verdict(question: Question, waiting: Waiting) -> Report:
    """Return the report with the first verdict, or the last one without.

    Raises `InferfleetError` where the first reading fails, or the last.
    """
    began, failures, absences = waiting.now(), 0, 0
    until, fleet, looks = max(waiting.until, began), None, list[float]()
    while True:
        end = min(waiting.now(), until)
        over = end >= until - _EARLY
        try:
            fleet = waiting.read(end)
            failures = 0
        except QueryError as error:
            # what fails at once is a wrong address or password; what fails later may pass
            if fleet is None or over:
                raise
            failures += 1
            _pause(waiting, until, failures, one_line(str(error), SENTENCE_CHARACTERS))
            continue
        start = first_work(fleet, question)
        if start is None and not over:
            absences += 1
            _pause(waiting, until, absences, absence(fleet, question))
            continue
        # a candidate that ran long before is looked at at once, and from then on as a new one
        origin = max((start or began) + question.warm_up, began - FIRST_LOOK)
        elapsed, total = end - origin, until - origin
        times = look_times(total)
        due = next((time for time in times if not looks or time > looks[-1]), total)
        if elapsed < due - _EARLY and not over:
            missing = (
                f"the candidate has had work since {format_utc(start or began)}, and a first look"
            )
            missing += f" takes {question.warm_up / 60:.0f} min of warm-up and an hour of data"
            waiting.tell(f"{missing}: next look at {format_utc(origin + due)}")
            waiting.sleep(origin + due - end)
            continue
        looks.append(total if over else max(elapsed, due))
        fractions = [look / total for look in looks] if total > 0 else [1.0]
        level = look_level(question.alpha, fractions)
        report = waiting.judge(fleet, replace(question, alpha=level), end)
        if over or report.verdict not in _UNDECIDED:
            return report
        following = origin + next(time for time in times if time > looks[-1])
        waiting.tell(
            f"{one_line(report.headline, SENTENCE_CHARACTERS)} {_expected(report, until)}; "
            f"next look at {format_utc(following)}"
        )
        waiting.sleep(following - end)


def _pause(waiting: Waiting, until: float, times: int, missing: str) -> None:
    """Say what is missing, and sleep the longer the more often it was."""
    now = waiting.now()
    following = min(now + _PAUSES[min(times, len(_PAUSES)) - 1], until)
    waiting.tell(f"{missing}; asked again at {format_utc(following)}")
    waiting.sleep(following - now)


def _expected(report: Report, until: float) -> str:
    """Say when an answer can be expected."""
    undecided = [each for each in report.comparisons if each.verdict in _UNDECIDED]
    times = [_answer_time(each) for each in undecided]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return "More time alone may not bring an answer"
    late = ", after the time is over" if max(known) > until else ""
    return f"An answer can be expected at about {format_utc(max(known))}{late}"


def _answer_time(comparison: Comparison) -> float | None:
    """Return when a comparison may have its verdict (Unix seconds), None where nobody knows."""
    start, required = comparison.candidate_start, comparison.measures[0].required_sample_size
    if start is not None and required is not None and required.hours is not None:
        return start + 3600.0 * required.hours
    return comparison.ready_at
