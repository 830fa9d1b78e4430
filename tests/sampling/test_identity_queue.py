"""Identities are read a few at once, new servers first; a server that hangs holds one place."""

import asyncio

import pytest

from exporter.sampling.identity_queue import IdentityQueue
from tests.virtual_time import Clock, run_virtually

HANG = 100.0


class Reads:
    """Notes which identities begin; each takes so many seconds."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.at_once = self.most = 0

    def add(self, queue: IdentityQueue, label: str, seconds: float, first: bool = True) -> None:
        async def read() -> None:
            self.begun.append(label)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.at_once -= 1

        queue.add(label, read, first)


def test_so_many_at_once_and_so_many_a_second() -> None:
    clock, reads, queue = Clock(), Reads(), IdentityQueue(places=4, pause=0.1)
    start = clock.now

    async def main() -> None:
        for number in range(100):
            reads.add(queue, str(number), 0.5)
        while len(reads.begun) < 100 or reads.at_once:
            await asyncio.sleep(0.1)

    run_virtually(clock, main)
    assert reads.most == 4
    assert clock.now - start == pytest.approx(100 * 0.5 / 4, abs=1.0)
    clock, reads, queue = Clock(), Reads(), IdentityQueue(places=4, pause=0.1)
    start = clock.now

    async def quick() -> None:
        for number in range(100):
            reads.add(queue, str(number), 0.0)
        while len(reads.begun) < 100:
            await asyncio.sleep(0.01)

    run_virtually(clock, quick)
    assert clock.now - start == pytest.approx(10.0, abs=0.2)


def test_a_new_server_comes_before_all_that_wait() -> None:
    clock, reads, queue = Clock(), Reads(), IdentityQueue(places=2, pause=0.0)

    async def main() -> None:
        for number in range(60):
            reads.add(queue, f"hung{number}", HANG)
        for number in range(60):
            reads.add(queue, f"known{number}", 1.0, first=False)
        await asyncio.sleep(1.0)
        reads.add(queue, "new", 1.0)
        await asyncio.sleep(HANG)

    run_virtually(clock, main)
    assert reads.begun.index("new") == 2


def test_a_server_that_waits_or_runs_is_not_added_twice() -> None:
    clock, reads, queue = Clock(), Reads(), IdentityQueue(places=1, pause=0.0)

    async def main() -> None:
        for _ in range(3):
            reads.add(queue, "a", 1.0)
            reads.add(queue, "b", 1.0)
            await asyncio.sleep(0)
        await asyncio.sleep(10.0)

    run_virtually(clock, main)
    assert reads.begun == ["a", "b"]


def test_a_server_that_went_is_forgotten_and_its_place_is_free() -> None:
    clock, reads, queue = Clock(), Reads(), IdentityQueue(places=1, pause=0.0)

    async def main() -> None:
        for label in ("hung", "waiting", "next"):
            reads.add(queue, label, HANG)
            await asyncio.sleep(0)
        queue.remove("waiting")
        queue.remove("hung")
        await asyncio.sleep(1.0)

    run_virtually(clock, main)
    assert reads.begun == ["hung", "next"]


def test_a_fault_is_logged_and_frees_its_place(caplog: pytest.LogCaptureFixture) -> None:
    clock, reads, queue = Clock(), Reads(), IdentityQueue(places=1, pause=0.0)

    async def broken() -> None:
        raise ValueError("oops")

    async def main() -> None:
        queue.add("a", broken, True)
        await asyncio.sleep(0.1)
        reads.add(queue, "b", 0.0)
        await asyncio.sleep(0.1)

    run_virtually(clock, main)
    assert reads.begun == ["b"]
    assert "identifying a failed" in caplog.text
