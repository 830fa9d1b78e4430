"""When servers are sampled: each at its phase, none twice at once, all soon after the start."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from typing import Any

import pytest

from exporter.sampling.schedule import Schedule, next_due, phase
from tests.virtual_time import EPOCH, Clock, run_virtually, virtual_time

INTERVAL = 5.0
MODULE = "exporter.sampling.schedule"


@pytest.fixture
def clock() -> Iterator[Clock]:
    with virtual_time(MODULE) as clock:
        yield clock


class Jobs:
    """Notes when each job begins; it takes `seconds`."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self.clock, self.seconds = clock, seconds
        self.begun: dict[str, list[float]] = {}
        self.skipped = Counter[str]()

    def add(self, schedule: Schedule, *labels: str) -> None:
        for label in labels:
            schedule.add(label, self._run(label), self.skip_of(label))

    def _run(self, label: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def run() -> None:
            self.begun.setdefault(label, []).append(self.clock.now)
            await asyncio.sleep(self.seconds)

        return run

    def skip_of(self, label: str) -> Callable[[int], None]:
        def skip(count: int) -> None:
            self.skipped[label] += count

        return skip


def labels(count: int) -> list[str]:
    return [f"10.0.{number // 250}.{number % 250}:8000" for number in range(count)]


@pytest.mark.parametrize("count", [500, 1000])
def test_phases_are_spread_over_the_whole_interval(count: int) -> None:
    quarters = Counter(int(phase(label) * 20) for label in labels(count))
    assert len(quarters) == 20
    # a fair spread has this standard deviation; five of them never happen
    deviation = (count / 20 * 0.95) ** 0.5
    assert all(abs(number - count / 20) < 5 * deviation for number in quarters.values())


def test_a_phase_is_of_the_label_alone() -> None:
    assert phase("a") == phase("a")
    assert phase("a") != phase("b")
    assert 0 <= phase("a") < 1


def test_the_next_due_lies_at_the_phase_after_now() -> None:
    assert next_due(100.0, 5.0, 0.5) == 102.5
    assert next_due(102.5, 5.0, 0.5) == 107.5
    assert next_due(104.0, 5.0, 0.0) == 105.0


def test_every_job_keeps_its_phase_and_does_not_drift(clock: Clock) -> None:
    jobs, schedule = Jobs(clock, seconds=0.3), Schedule(INTERVAL)

    async def main() -> None:
        jobs.add(schedule, *labels(40))
        await asyncio.sleep(1000 * INTERVAL)

    run_virtually(clock, main)
    for label, times in jobs.begun.items():
        assert len(times) in (1000, 1001)
        share = phase(label)
        for time in times[1:]:
            offset = (EPOCH + time) / INTERVAL - share
            assert abs(offset - round(offset)) * INTERVAL < 1e-3
        assert max(later - time for time, later in pairwise(times[1:])) < 5.001
    assert not jobs.skipped


def test_another_schedule_goes_on_at_the_same_phases(clock: Clock) -> None:
    starts = []

    async def main() -> None:
        for _ in range(2):
            jobs, schedule = Jobs(clock), Schedule(INTERVAL)
            jobs.add(schedule, "a")
            await asyncio.sleep(3.3 * INTERVAL)
            schedule.remove("a")
            starts.append(jobs.begun["a"][-1])

    run_virtually(clock, main)
    periods = (starts[1] - starts[0]) / INTERVAL
    assert periods == pytest.approx(round(periods), abs=1e-3)


@pytest.mark.parametrize(("count", "within"), [(1, 0.0), (10, 1.0), (100, 1.01), (1000, 10.1)])
def test_first_runs_come_soon_and_one_after_another(
    clock: Clock, count: int, within: float
) -> None:
    jobs, schedule = Jobs(clock), Schedule(INTERVAL)
    start = clock.now

    async def main() -> None:
        jobs.add(schedule, *labels(count))
        await asyncio.sleep(3 * INTERVAL)

    run_virtually(clock, main)
    first = sorted(times[0] - start for times in jobs.begun.values())
    assert len(first) == count
    assert first[0] == 0
    assert first[-1] <= within
    assert all(later - time > 0.0099 for time, later in pairwise(first))
    gaps = [times[1] - times[0] for times in jobs.begun.values() if len(times) > 1]
    assert all(INTERVAL / 2 <= gap <= INTERVAL * 1.5 + 0.001 for gap in gaps)


def test_a_busy_loop_starts_fewer(clock: Clock) -> None:
    jobs, schedule = Jobs(clock), Schedule(INTERVAL)

    class Slow(Jobs):
        async def busy(self) -> None:
            self.begun.setdefault("all", []).append(clock.now)
            clock.now += 0.1

    slow = Slow(clock)
    backlog = []

    async def main() -> None:
        for label in labels(30):
            schedule.add(label, slow.busy, jobs.skip_of(label))
        while len(slow.begun.get("all", [])) < 30:
            backlog.append(sum(not task.done() for task in asyncio.all_tasks()))
            await asyncio.sleep(0.01)

    run_virtually(clock, main)
    assert max(backlog) <= 3


def test_a_run_that_lasts_is_not_joined_and_those_it_skips_are_counted(clock: Clock) -> None:
    jobs, schedule = Jobs(clock, seconds=12.0), Schedule(INTERVAL)

    async def main() -> None:
        jobs.add(schedule, "a")
        await asyncio.sleep(20 * INTERVAL)

    run_virtually(clock, main)
    times = jobs.begun["a"]
    assert all(later - time >= 12 for time, later in pairwise(times))
    assert len(times) + jobs.skipped["a"] in (20, 21)


def test_times_at_which_the_loop_stood_still_are_counted(clock: Clock) -> None:
    jobs, schedule = Jobs(clock), Schedule(INTERVAL)

    async def main() -> None:
        jobs.add(schedule, "a")
        await asyncio.sleep(2 * INTERVAL)
        clock.now += 10 * INTERVAL
        assert schedule.overdue() > 9 * INTERVAL
        await asyncio.sleep(2 * INTERVAL)
        assert schedule.overdue() <= 0.001

    run_virtually(clock, main)
    assert jobs.skipped["a"] in (9, 10)
    assert len(jobs.begun["a"]) + jobs.skipped["a"] in (14, 15)


def test_a_job_that_is_removed_is_cancelled_and_begins_no_more(clock: Clock) -> None:
    jobs, schedule = Jobs(clock, seconds=3.0), Schedule(INTERVAL)

    async def main() -> None:
        jobs.add(schedule, "a", "b")
        schedule.remove("b")
        await asyncio.sleep(1.0)
        schedule.remove("a")
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        await asyncio.sleep(10 * INTERVAL)
        assert schedule.overdue() == 0

    run_virtually(clock, main)
    assert len(jobs.begun["a"]) == 1
    assert "b" not in jobs.begun


def test_a_fault_in_a_run_is_logged_and_the_next_comes(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    runs = []

    async def broken() -> None:
        runs.append(clock.now)
        raise ValueError("oops")

    async def main() -> None:
        Schedule(INTERVAL).add("a", broken, lambda count: None)
        await asyncio.sleep(3 * INTERVAL)

    run_virtually(clock, main)
    assert len(runs) >= 3
    assert "a sample failed" in caplog.text
