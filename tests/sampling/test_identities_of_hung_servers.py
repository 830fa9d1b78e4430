"""Servers whose endpoints hang or drip keep no other from being identified."""

import asyncio
from typing import cast

import pytest

from exporter.base.errors import FetchError
from exporter.fetch import HttpClient, HttpResponse
from exporter.sampling.endpoint_answers import endpoint_answers
from exporter.sampling.identity_queue import IdentityQueue
from tests.virtual_time import Clock, run_virtually

TIMEOUT = 4.0


class Endpoints:
    """A client of servers that answer after some seconds, in time or not."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.requests = 0

    async def get(self, url: str, timeout: float, max_bytes: int) -> HttpResponse:
        self.requests += 1
        await asyncio.sleep(min(self.seconds, timeout))
        if self.seconds > timeout:
            raise FetchError("timeout", f"{url} did not answer within {timeout:g} s")
        return HttpResponse(b"{}", "application/json")


class Identified:
    """Reads identities by a queue and notes when each was read."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.queue = clock, IdentityQueue()
        self.times: dict[str, float] = {}

    def add(self, label: str, endpoints: Endpoints) -> None:
        async def read() -> None:
            client = cast(HttpClient, endpoints)
            await endpoint_answers(client, "http://h:1", "sglang", TIMEOUT)
            self.times[label] = self.clock.now

        self.queue.add(label, read, True)


@pytest.mark.parametrize("hung", [4, 60, 1000])
@pytest.mark.parametrize("moment", [0.1, 1.0, TIMEOUT, 30.0])
def test_a_new_server_is_identified_within_seconds(hung: int, moment: float) -> None:
    clock = Clock()
    identified = Identified(clock)

    async def main() -> None:
        for number in range(hung):
            identified.add(f"hung{number}", Endpoints(1e9))
        await asyncio.sleep(moment)
        identified.add("new", Endpoints(0.05))
        start = clock.now
        while "new" not in identified.times:
            await asyncio.sleep(0.01)
        assert identified.times["new"] - start <= TIMEOUT + 1.0

    run_virtually(clock, main)


def test_a_server_that_hangs_is_asked_once_and_a_slow_one_all() -> None:
    clock, hung, slow = Clock(), Endpoints(1e9), Endpoints(TIMEOUT - 0.1)
    identified = Identified(clock)

    async def main() -> None:
        identified.add("hung", hung)
        identified.add("slow", slow)
        await asyncio.sleep(60.0)

    run_virtually(clock, main)
    assert hung.requests == 1
    assert slow.requests == 3


def test_thousands_of_replaced_servers_leave_nothing_behind() -> None:
    clock = Clock()
    identified = Identified(clock)
    queue = identified.queue

    async def main() -> None:
        for number in range(5000):
            label = f"pod-{number}"
            identified.add(label, Endpoints(1e9))
            if number >= 20:
                queue.remove(f"pod-{number - 20}")
            if number % 100 == 0:
                await asyncio.sleep(0.05)
        for number in range(4980, 5000):
            queue.remove(f"pod-{number}")
        await asyncio.sleep(0.1)
        assert not {**queue._first, **queue._again, **queue._running}
        identified.add("new", Endpoints(0.05))
        await asyncio.sleep(1.0)
        assert "new" in identified.times

    run_virtually(clock, main)
