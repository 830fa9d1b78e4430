"""Asking again until there is a verdict or the time is over: `inferfleet compare --wait`.

Its looks share the significance level, however many they are (`estimate.spending`). Says on the way
what is missing and when it asks again. Clock and sleep are the caller's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ..base.units import format_utc
from ..base.untrusted import SENTENCE_CHARACTERS, one_line
from .assess.comparison import Question
from .assess.result import Report
from .assess.upgrades import last_start
from .fleet.api import QueryError
from .fleet.windows import Fleet
from .interim import UNDECIDED, answer_time
from .sides import absence

INTERVAL: Final = 300.0
"""Seconds between two looks: the width of a window, before which there is nothing new."""
_LOOKS_PER_TIME: Final = 24.0
"""How many looks the time that has passed is worth: after two hours they follow less often.

Twenty minutes more tell next to nothing of a release that has run for eight hours, and each look
reads the whole of it again.
"""
_SHARE: Final = 4.0
"""How many times as long as a look takes the next one follows at the soonest."""
_PAUSES: Final = (60.0, 120.0, 240.0, 300.0)
"""Seconds between two readings that no look is made at: the last again and again."""
_EARLY: Final = 1.0
"""Seconds that a sleep may end too soon and still be for its look."""


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
    until, fleet = max(waiting.until, began), None
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
        start = last_start(fleet, question)
        if start is None and not over:
            absences += 1
            _pause(waiting, until, absences, absence(fleet, question))
            continue
        since = began if start is None else start
        # a single look has the whole level
        if until > began:
            question = replace(question, horizon=(until - since) / 3600.0)
        # effects by batch cell are for whoever reads the report that ends it
        report = waiting.judge(fleet, question if over else replace(question, detail=False), end)
        if not over and report.verdict not in UNDECIDED:
            report = waiting.judge(fleet, question, end)
        if over or report.verdict not in UNDECIDED:
            return report
        # a fleet that takes long to read is looked at less often
        pause = max(INTERVAL, (end - since) / _LOOKS_PER_TIME, _SHARE * (waiting.now() - end))
        following = min(end + pause, until)
        waiting.tell(
            f"{one_line(report.headline, SENTENCE_CHARACTERS)} {_expected(report, until)}; "
            f"next look at {format_utc(following)}"
        )
        _sleep_until(waiting, following, pause)


def _pause(waiting: Waiting, until: float, times: int, missing: str) -> None:
    """Say what is missing, and sleep the longer the more often it was."""
    pause = _PAUSES[min(times, len(_PAUSES)) - 1]
    following = min(waiting.now() + pause, until)
    waiting.tell(f"{missing}; asked again at {format_utc(following)}")
    _sleep_until(waiting, following, pause)


def _sleep_until(waiting: Waiting, following: float, most: float) -> None:
    """Sleep until a time: not at all where it is over, no longer where the clock went back."""
    waiting.sleep(min(max(following - waiting.now(), 0.0), most))


def _expected(report: Report, until: float) -> str:
    """Say when an answer can be expected."""
    undecided = [each for each in report.comparisons if each.verdict in UNDECIDED]
    times = [answer_time(each) for each in undecided]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        if undecided and all(each.measures[0].reason_code == "work" for each in undecided):
            return "When an answer can be expected is not known yet"
        return "More time alone may not bring an answer"
    late = ", after the time is over" if max(known) > until else ""
    return f"An answer can be expected at about {format_utc(max(known))}{late}"
