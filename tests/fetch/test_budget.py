"""Large answers share a budget: the largest is dropped, all others come whole."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice

import pytest

from exporter.base.errors import FetchError
from exporter.config import HttpSettings
from exporter.fetch import HttpClient
from exporter.fetch.budget import ByteBudget
from tests.fakes import FakeServer
from tests.loop import run

MIB = 1 << 20


class Bytes:
    """A holder that notes what it was made to drop."""

    dropped = False

    def discard(self) -> None:
        self.dropped = True


def test_the_largest_goes_until_the_others_fit() -> None:
    budget = ByteBudget(10, free=2)
    small, middle, large = Bytes(), Bytes(), Bytes()
    budget.hold(middle, 4)
    budget.hold(large, 5)
    budget.hold(small, 2)
    assert not any(holder.dropped for holder in (small, middle, large))
    budget.hold(large, 7)
    assert large.dropped
    assert not any(holder.dropped for holder in (small, middle))


def test_what_is_released_or_small_counts_nothing() -> None:
    budget = ByteBudget(10, free=2)
    holders = [Bytes() for _ in range(100)]
    for holder in holders:
        budget.hold(holder, 9)
        budget.release(holder)
        budget.hold(holder, 9)
        budget.hold(holder, 2)
    assert not any(holder.dropped for holder in holders)


@contextmanager
def half_answers(number: int, size: int) -> Iterator[list[str]]:
    """Yield addresses of servers that send half of an answer and then nothing."""
    ended = threading.Event()

    def play(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {2 * size}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * size)
            ended.wait(30)

    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        threads = [threading.Thread(target=play, args=(each,)) for each in listeners]
        for thread in threads:
            thread.start()
        try:
            yield [f"http://127.0.0.1:{each.getsockname()[1]}/metrics" for each in listeners]
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def test_many_large_answers_at_once_do_not_add_up() -> None:
    budget = ByteBudget(4 * MIB, free=MIB // 4)

    async def read(url: str) -> int | str:
        client = HttpClient(HttpSettings(), 16 * MIB, budget=budget)
        try:
            return len((await client.get(url, 30.0)).body)
        except FetchError as error:
            return error.reason
        finally:
            client.close()

    async def first_results(urls: list[str], number: int) -> list[int | str]:
        tasks = [asyncio.create_task(read(url)) for url in urls]
        results = [await each for each in islice(asyncio.as_completed(tasks), number)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return results

    body = b"a 1\n" * (MIB // 8)
    with half_answers(8, 2 * MIB) as bad, FakeServer(metrics=(200, body)) as good:
        # two of the half answers fit, and hang
        results = run(first_results([*bad, good.url + "/metrics"], 7))
    assert sorted(map(str, results)) == [str(len(body)), *["too_large"] * 6]
    # nothing is held any more
    probe = Bytes()
    budget.hold(probe, 4 * MIB)
    assert not probe.dropped


def test_the_reason_names_the_limit_and_the_mend() -> None:
    budget = ByteBudget(MIB, free=0)
    with (
        FakeServer(metrics=(200, b"x" * (2 * MIB))) as fake,
        pytest.raises(FetchError, match="more than 1048576 bytes: serve smaller pages, or raise"),
    ):
        run(HttpClient(HttpSettings(), 16 * MIB, budget=budget).get(fake.url + "/metrics", 5.0))
