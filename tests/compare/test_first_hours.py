"""What `compare` says in the first hours of an upgrade, every five minutes: all of it is true."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from exporter.base.errors import CompareError
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.result import Report
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.windows import Fleet
from exporter.compare.run import report_of
from exporter.compare.sides import check_sides
from tests.sim.comparison import NEW, OLD, START, WIDTH, fleet_of_simulation
from tests.sim.fleet import simulate_fleet
from tests.sim.scenario import Scenario, Upgrade

UPGRADE = f'version="{OLD}"', f'version="{NEW}"'
SAME = 'target=~"node[01]"', 'target=~"node[23]"'
HOURS = 2.2


@cache
def simulated(
    servers: int, share: float, roll: float = 0.0, rollback: float = 0.0, before: float = 25.0
) -> Fleet:
    upgrade = Upgrade(0.0, share=share, hours_before=before, hours_after=HOURS, roll=roll)
    fleet = simulate_fleet(
        np.random.default_rng(3), upgrade, Scenario(rollback=rollback), servers=servers
    )
    return replace(fleet_of_simulation(fleet, "m"), lookups=None)


def until(fleet: Fleet, end: float) -> Fleet:
    """Return what is known of a fleet at a time: servers that began, windows that are over."""
    windows = fleet.windows
    known = np.array(
        [windows.time[windows.server == i].min() < end for i in range(len(windows.servers))]
    )
    rows = windows.where(windows.time + windows.width <= end)
    number = np.cumsum(known) - 1
    servers = tuple(s for s, is_known in zip(windows.servers, known, strict=True) if is_known)
    facts = tuple(f for f, is_known in zip(fleet.facts, known, strict=True) if is_known)
    rows = replace(rows, servers=servers, server=number[rows.server])
    return replace(fleet, windows=rows, facts=facts, end=end)


@dataclass(frozen=True)
class Scene:
    """An upgrade, the question, and what is named from which minute on."""

    fleet: Callable[[], Fleet]
    blockers: dict[int, str]
    sides: tuple[str, str] = UPGRADE
    earlier: bool = False

    @property
    def question(self) -> Question:
        old, new = (
            parse_matchers(text, option)
            for text, option in zip(self.sides, ("--baseline", "--candidate"), strict=True)
        )
        return Question(old, new, margin=0.03, warm_up=3600.0, detail=False)

    def at(self, minute: float) -> Fleet:
        fleet = until(self.fleet(), START + 60 * minute)
        return replace(fleet, earlier=tuple(fleet.labels) if self.earlier else ())

    def blocker(self, minute: int) -> str:
        return self.blockers[max(begin for begin in self.blockers if begin <= minute)]


UNKNOWN, NO_WINDOW = 'no server has version="0.26.0"; known are 0.20.2', "no window of 5 min"
WARMING = "fewer than two servers of the candidate have warmed up"
ANSWER = ""
LONE, GONE = "so the machine cannot be told", "no server runs the baseline any more"
BACK = "the candidate has had no data since"
AT_ONCE = {0: UNKNOWN, 1: NO_WINDOW, 5: GONE}
SCENES = {
    "canary of 2 of 4": Scene(
        lambda: simulated(4, 0.5), {0: UNKNOWN, 1: NO_WINDOW, 5: WARMING, 25: ANSWER}
    ),
    "roll of 8": Scene(
        lambda: simulated(8, 1.0, roll=3600.0),
        {0: UNKNOWN, 1: NO_WINDOW, 5: LONE, 10: WARMING, 35: ANSWER},
    ),
    "4 of 4 at once": Scene(lambda: simulated(4, 1.0, before=7.0), AT_ONCE),
    "4 of 4 at once that ran before the window": Scene(
        lambda: simulated(4, 1.0, before=7.0), AT_ONCE, earlier=True
    ),
    "rolled back after 15 minutes": Scene(
        lambda: simulated(4, 0.5, rollback=900.0), {0: UNKNOWN, 1: NO_WINDOW, 5: WARMING, 20: BACK}
    ),
    "rolled back after 40 minutes": Scene(
        lambda: simulated(4, 0.5, rollback=2400.0),
        {0: UNKNOWN, 1: NO_WINDOW, 5: WARMING, 25: ANSWER},
    ),
    "a release with itself": Scene(lambda: simulated(4, 0.0), {0: ANSWER}, sides=SAME),
}
MINUTES = (0, 1, *range(5, 125, 5))


def said(scene: Scene, minute: float) -> tuple[str, Report | None]:
    """Return every sentence of the answer at a minute, and the report where there is one."""
    fleet, question = scene.at(minute), scene.question
    try:
        check_sides(fleet, question)
    except CompareError as error:
        return str(error), None
    report = report_of(fleet, question, START + 60 * minute, None)
    texts = [report.headline, *report.notes]
    for comparison in report.comparisons:
        texts += [f"{check.text}; {check.remedy}" for check in comparison.checks]
        texts += [f"{result.reason}; {result.remedy}" for result in comparison.measures]
    return "\n".join(texts), report


def still_running(scene: Scene, minute: float) -> tuple[int, int]:
    """Return how many servers ran the baseline and the candidate in their last window."""
    windows = scene.at(minute).windows
    last = dict[str, tuple[float, set[str]]]()
    for server, time in zip(windows.server, windows.time, strict=True):
        key = windows.servers[server]
        latest, releases = last.get(key.target, (-1.0, set[str]()))
        if time > latest:
            last[key.target] = float(time), {key.release}
        elif time == latest:
            releases.add(key.release)
    every = [release for _, releases in last.values() for release in releases]
    return every.count(OLD), every.count(NEW)


@pytest.mark.parametrize("name", SCENES)
def test_the_first_hours_minute_by_minute(name: str) -> None:
    scene = SCENES[name]
    for minute in MINUTES:
        text, report = said(scene, minute)
        place = f"{name}, minute {minute}: {text}"
        assert scene.blocker(minute) in text, place
        if scene.sides == UPGRADE:
            _check_advice(text, still_running(scene, minute), scene.earlier, place)
        if report is None:
            continue
        (comparison,) = report.comparisons
        blocked = comparison.verdict == "not_comparable"
        assert blocked == (scene.blocker(minute) != ANSWER), place
        assert scene.blocker(minute) in report.headline, "the blocker is named first"
        if comparison.ready_at is not None:
            assert blocked
            assert comparison.ready_at > START + 60 * minute, place
            assert "are not comparable yet" in report.headline


def _check_advice(text: str, running: tuple[int, int], earlier: bool, place: str) -> None:
    old, new = running
    if "back on the baseline" in text:
        assert old == 0, place
    if "widen" in text:
        assert earlier, place
    if "any more" in text:
        assert old == 0, place
    if "no data since" in text:
        assert new == 0, place
    if "go on until then" in text or "wait for more" in text:
        assert min(old, new) >= 2, place
    assert "outages" not in text, place


def test_what_is_promised_comes_to_pass() -> None:
    scene = SCENES["canary of 2 of 4"]
    promises = {
        ready_at
        for minute in range(5, 25, 5)
        if (report := said(scene, minute)[1])
        and (ready_at := report.comparisons[0].ready_at) is not None
    }
    (ready_at,) = promises
    _, before = said(scene, (ready_at - START) / 60 - 5)
    _, then = said(scene, (ready_at - START) / 60)
    assert before is not None
    assert then is not None
    assert before.verdict == "not_comparable"
    assert then.verdict != "not_comparable"


def test_what_there_is_of_each_side_is_said() -> None:
    text, _ = said(SCENES["canary of 2 of 4"], 15)
    assert (
        "4 servers of the baseline (2 still running it) with 25.2 h and 2 servers of the candidate "
        "with 15 min, all of it warm-up" in text
    )
    assert "data up to 2023-11-14 22:35 UTC can give an answer" in text


def test_how_long_warm_up_took_is_said() -> None:
    text, _ = said(SCENES["canary of 2 of 4"], 60)
    assert "the candidate settled 10 min after its start" in text
    text, _ = said(SCENES["canary of 2 of 4"], 15)
    assert "the candidate has not been seen to settle, 60 min at most" in text


@pytest.mark.parametrize("earlier", [True, False])
def test_a_wider_window_is_advised_where_there_is_data_in_it(earlier: bool) -> None:
    name = "4 of 4 at once that ran before the window" if earlier else "4 of 4 at once"
    text, _ = said(SCENES[name], 90)
    assert ("widen --window, the baseline ran before that time too; or " in text) == earlier
    assert "put two servers back on the baseline for 75 min at most" in text


def test_the_minutes_are_those_of_windows() -> None:
    assert {later - minute for minute, later in pairwise(MINUTES[2:])} == {WIDTH / 60}
