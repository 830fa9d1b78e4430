"""Large pages are read one at a time, smallest first; too many that wait are refused."""

import asyncio
from functools import partial
from threading import Event

import pytest

from exporter.base.errors import PageError
from exporter.config import Config, Target
from exporter.fetch import HttpClient
from exporter.fetch.budget import ByteBudget
from exporter.sampling.large_pages import LargePages
from exporter.sampling.watched_server import WatchedServer
from tests.fakes import FakeServer, page
from tests.loop import run


def test_one_at_a_time_and_the_smallest_first() -> None:
    pages, read, go = LargePages(ByteBudget(1000, free=0)), list[int](), Event()

    async def main() -> None:
        def first() -> None:
            assert go.wait(10)
            read.append(50)

        work = [asyncio.create_task(pages.read(50, first))]
        await asyncio.sleep(0)
        for size in (40, 10, 30):
            work.append(asyncio.create_task(pages.read(size, partial(read.append, size))))
        await asyncio.sleep(0)
        assert read == []
        go.set()
        await asyncio.gather(*work)

    run(main())
    assert read == [50, 10, 30, 40]


def test_the_largest_of_too_many_that_wait_is_refused() -> None:
    pages, go = LargePages(ByteBudget(100, free=0)), Event()

    async def main() -> list[object]:
        work = [asyncio.create_task(pages.read(10, lambda: go.wait(10)))]
        await asyncio.sleep(0)
        work += [asyncio.create_task(pages.read(size, lambda: True)) for size in (60, 30, 20)]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*work, return_exceptions=True)

    first, largest, *others = run(main())
    assert first is True
    assert isinstance(largest, PageError)
    assert "limits.page" in str(largest)
    assert others == [True, True]


def test_one_that_fails_or_is_given_up_leaves_the_turn_to_the_next() -> None:
    pages, go = LargePages(ByteBudget(1000, free=0)), Event()

    async def main() -> object:
        def fault() -> None:
            raise ValueError("oops")

        held = asyncio.create_task(pages.read(1, lambda: go.wait(10)))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(pages.read(2, lambda: True))
        failing = asyncio.create_task(pages.read(3, fault))
        last = asyncio.create_task(pages.read(4, lambda: "last"))
        await asyncio.sleep(0)
        waiting.cancel()
        held.cancel()
        go.set()
        await asyncio.wait([held, waiting, failing])
        assert isinstance(failing.exception(), ValueError)
        return await last

    assert run(main()) == "last"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (page(1) + b"\n" * 5_000_000, "lines, more than 400000"),
        (page(1) + b"#\n" * 1_000_000, "lines, more than 400000"),
        (page(1) + b"x 1\n" * 100_001, "more than 100000 samples"),
    ],
)
def test_a_page_of_absurd_length_is_refused_and_the_next_is_read(
    body: bytes, sentence: str
) -> None:
    target, config = Target(url="http://h:1", name="s"), Config()
    with FakeServer(metrics=(200, body)) as fake:
        target = Target(url=fake.url, name="s")
        server = WatchedServer(target, HttpClient(config.http, config.limits.page), config)
        run(server.sample())
        assert server.reading.reason == "page_refused"
        assert sentence in server.reading.error
        fake.answers["/metrics"] = (200, page(5))
        run(server.sample())
        assert server.reading.error == ""
