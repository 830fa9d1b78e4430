"""`compare --wait` on a simulated clock: when it asks, what it says, when it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Report
from exporter.compare.assess.wording import confidence
from exporter.compare.fleet.api import QueryError
from exporter.compare.fleet.matchers import Matcher
from exporter.compare.fleet.windows import Fleet
from exporter.compare.run import report_of
from exporter.compare.sequential import Waiting, wait_for_verdict
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.virtual_time import SleepingClock

HOUR = 3600.0
QUESTION = Question(
    (Matcher("version", "=", OLD),),
    (Matcher("version", "=", NEW),),
    margin=0.03,
    warm_up=HOUR,
    detail=False,
)
SLOWER = simulate_comparison(21, -0.10, after=9)
EQUAL = simulate_comparison(22, 0.0, after=9)
FEW = simulate_comparison(21, -0.10, servers=2, before=7, after=9)


@cache
def undecided() -> Report:
    return report_of(FEW, QUESTION, START, None)


@dataclass
class Asking:
    """One who waits on a fleet as it was at each time, and what came of it."""

    fleet: Fleet
    clock: SleepingClock
    until: float
    fault: Callable[[float], bool] = lambda time: False
    read: list[float] = field(default_factory=list)
    question: Question = QUESTION
    horizons: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def run(self) -> Report:
        waiting = Waiting(
            self.until, self._read, self._judge, self.clock.now, self.clock.sleep, self.lines.append
        )
        return wait_for_verdict(self.question, waiting)

    def _read(self, end: float) -> Fleet:
        self.read.append(end)
        if self.fault(end):
            raise QueryError("http://p answered 503\nsorry")
        windows = self.fleet.windows
        return replace(self.fleet, windows=windows.where(windows.time + windows.width <= end))

    def _judge(self, fleet: Fleet, question: Question, end: float) -> Report:
        # what is undecided for good need not be worked out anew
        report = undecided() if self.fleet is FEW else report_of(fleet, question, end, None)
        self.horizons.append(question.horizon)
        self.ends.append(end)
        return report


def asking(fleet: Fleet, begin: float = 0.0, hours: float = 8.0) -> Asking:
    clock = SleepingClock(START + begin * HOUR)
    return Asking(fleet, clock, clock.now() + hours * HOUR)


def test_a_regression_ends_the_waiting_at_the_first_look_that_shows_it() -> None:
    ask = asking(SLOWER)
    report = ask.run()
    assert report.verdict == "regression"
    assert (ask.clock.now() - START) / HOUR < 2.0
    assert set(ask.horizons) == {8.0}
    assert 0 < report.alpha < 0.03
    assert f"{confidence(report.alpha)} interval" in report.headline


def test_no_change_is_called_when_it_is_proven() -> None:
    ask = asking(EQUAL, begin=6.0, hours=2.9)
    ask.question = replace(QUESTION, margin=0.05)
    assert ask.run().verdict == "equivalent"
    assert ask.clock.now() < ask.until


def test_what_stays_undecided_is_looked_at_until_the_time_is_over() -> None:
    ask = asking(FEW, hours=1.0)
    report = ask.run()
    assert report.verdict == "not_comparable"
    assert ask.clock.now() == ask.until
    assert {later - end for end, later in pairwise(ask.ends[:-1])} == {300.0}
    # the last one is the report itself
    assert len(ask.lines) == len(ask.read) - 1
    for line, end in zip(ask.lines, ask.read, strict=False):
        assert line.isprintable()
        assert "next look at" in line or "asked again at" in line, end
    assert "compare at least two servers of each" in ask.lines[-1]
    assert "More time alone may not bring an answer" in ask.lines[-1]


def test_windows_that_are_too_few_so_far_are_no_reason_to_give_up() -> None:
    ask, report = asking(FEW, hours=0.5), undecided()
    (comparison,) = report.comparisons
    measures = tuple(
        each.model_copy(update={"reason_code": "work"}) for each in comparison.measures
    )
    comparison = comparison.model_copy(update={"measures": measures, "ready_at": None})
    report = report.model_copy(update={"comparisons": (comparison,)})
    ask._judge = lambda fleet, question, end: report  # type: ignore[method-assign]
    ask.run()
    assert "When an answer can be expected is not known yet; next look at" in ask.lines[-1]


def test_a_fleet_that_takes_long_to_read_is_looked_at_less_often() -> None:
    ask = asking(FEW, begin=1.0, hours=2.0)
    judge = ask._judge

    def slowly(fleet: Fleet, question: Question, end: float) -> Report:
        ask.clock.sleep(200.0)
        return judge(fleet, question, end)

    ask._judge = slowly  # type: ignore[method-assign]
    ask.run()
    assert {later - end for end, later in pairwise(ask.ends[:-1])} == {800.0}


@pytest.mark.parametrize("failing", [False, True], ids=["a look", "a failed reading"])
def test_what_outlasts_the_time_is_followed_by_the_last_look(failing: bool) -> None:
    ask = asking(FEW, begin=1.0, hours=0.1)
    judge, until = ask._judge, ask.until

    def slowly(fleet: Fleet, question: Question, end: float) -> Report:
        ask.clock.sleep(400.0)
        return judge(fleet, question, end)

    def lost(time: float) -> bool:
        if not ask.ends or time >= until:
            return False
        ask.clock.sleep(400.0)
        return True

    if failing:
        ask.fault = lost
    else:
        ask._judge = slowly  # type: ignore[method-assign]
    assert ask.run().verdict == "not_comparable"
    assert ask.ends[-1] == until


def test_a_clock_that_goes_back_makes_no_pause_longer() -> None:
    ask = asking(FEW, begin=3.0, hours=1.0)
    judge, slept = ask._judge, list[float]()

    def set_back(fleet: Fleet, question: Question, end: float) -> Report:
        if len(ask.ends) == 2:
            ask.clock.time -= 3600.0
        return judge(fleet, question, end)

    sleep = ask.clock.sleep
    ask.clock.sleep = lambda seconds: (slept.append(seconds), sleep(seconds))[1]  # type: ignore[method-assign, func-returns-value]
    ask._judge = set_back  # type: ignore[method-assign]
    ask.run()
    assert max(slept) < 600.0


def test_the_baseline_is_asked_for_a_candidate_that_comes_later() -> None:
    ask = asking(SLOWER, begin=-2.0, hours=8.0)
    assert ask.run().verdict == "regression"
    assert "no work of the candidate has been counted yet" in ask.lines[0]
    pauses = [later - time for time, later in pairwise(ask.read)]
    assert pauses[:5] == [60.0, 120.0, 240.0, 300.0, 300.0]
    assert (ask.clock.now() - START) / HOUR < 2.0


def test_a_sleep_that_ends_a_moment_early_makes_no_other_looks() -> None:
    punctual, early = asking(FEW), asking(FEW)
    punctual.run()
    sleep = early.clock.sleep
    early.clock.sleep = lambda seconds: sleep(max(seconds - 0.25, 0.25))  # type: ignore[method-assign]
    early.run()
    assert len(early.ends) == len(punctual.ends)
    assert early.ends[-1] == pytest.approx(punctual.ends[-1], abs=1.0)


def test_a_release_that_nobody_is_is_said_while_it_is_waited_for() -> None:
    ask = asking(SLOWER, begin=-2.0, hours=1.0)
    windows, facts = ask.fleet.windows, ask.fleet.facts
    old = [server.release == OLD for server in windows.servers]
    servers = tuple(s for s, is_old in zip(windows.servers, old, strict=True) if is_old)
    known = windows.where(np.asarray(old)[windows.server])
    number = np.cumsum(old) - 1
    ask.fleet = replace(
        ask.fleet,
        windows=replace(known, servers=servers, server=number[known.server]),
        facts=tuple(f for f, is_old in zip(facts, old, strict=True) if is_old),
        lookups=None,
    )
    ask.run()
    assert 'no server has version="0.26.0"; known are 0.20.2; asked again at' in ask.lines[0]


def test_who_never_comes_is_said_at_the_end() -> None:
    ask = asking(SLOWER, begin=-6.0, hours=4.0)
    report = ask.run()
    assert report.verdict == "not_comparable"
    assert ask.clock.now() == ask.until


def test_a_candidate_of_hours_ago_is_looked_at_at_once() -> None:
    ask = asking(SLOWER, begin=5.0)
    assert ask.run().verdict == "regression"
    assert ask.clock.now() == START + 5 * HOUR


@pytest.mark.parametrize("hours", [0.1, -3.0])
def test_a_time_that_is_over_is_one_look_with_the_whole_level(hours: float) -> None:
    ask = asking(FEW, begin=6.0, hours=hours)
    ask.run()
    # the candidate began six hours before
    assert ask.horizons[-1] == pytest.approx(6.0 + hours if hours > 0 else 0.0)


def test_an_answer_that_fails_on_the_way_is_asked_for_again() -> None:
    ask = asking(SLOWER)
    lost = START + 0.2 * HOUR, START + 1.5 * HOUR
    ask.fault = lambda time: lost[0] < time < lost[1]
    assert ask.run().verdict == "regression"
    assert ask.clock.now() >= lost[1]
    assert any("answered 503\\nsorry; asked again" in line for line in ask.lines)
    # a failed reading is no look
    assert not [end for end in ask.ends if lost[0] < end < lost[1]]


@pytest.mark.parametrize("first", [True, False], ids=["at the start", "at the end"])
def test_what_fails_first_or_last_is_the_fault(first: bool) -> None:
    ask = asking(FEW)
    ask.fault = lambda time: first or time > START + 6 * HOUR
    with pytest.raises(QueryError, match="503"):
        ask.run()
    assert ask.clock.now() == (START if first else ask.until)
