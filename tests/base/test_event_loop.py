"""The loop's thread: it answers, it ends whatever its tasks do, and nothing blocks it."""

import asyncio
import gc
import threading
import weakref
from functools import partial
from unittest.mock import patch

import pytest

from exporter.base.event_loop import EventLoopThread, in_thread
from tests.loop import run
from tests.waiting import until


def test_a_coroutine_runs_on_the_loop_and_its_result_comes_back() -> None:
    loop = EventLoopThread("t")
    assert not loop.alive
    loop.start()

    async def name() -> str:
        return threading.current_thread().name

    async def fault() -> None:
        raise ValueError("oops")

    assert loop.run(name()) == "t"
    with pytest.raises(ValueError, match="oops"):
        loop.run(fault())
    assert loop.alive
    loop.stop()
    assert not loop.alive
    loop.stop()


def test_the_end_cancels_what_runs() -> None:
    loop, ends = EventLoopThread("t"), []

    async def endless() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ends.append("cancelled")

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(endless())

    loop.start()
    task = loop.run(begin())
    loop.run(asyncio.sleep(0))
    loop.stop()
    assert task.cancelled()
    assert ends == ["cancelled"]


def test_what_does_not_end_is_left_behind() -> None:
    loop, entered, released = EventLoopThread("t"), threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        released.wait(30)

    async def begin() -> None:
        asyncio.get_running_loop().call_later(0.01, block)

    loop.start()
    loop.run(begin())
    assert entered.wait(10)
    loop.stop(seconds=0.01)
    assert loop.alive
    released.set()
    loop.stop(seconds=10)
    assert not loop.alive


def test_a_call_that_blocks_has_a_thread_of_its_own() -> None:
    async def calls() -> tuple[str, bool]:
        blocked = asyncio.create_task(in_thread(lambda: released.wait(30), "blocked"))
        name = await in_thread(lambda: threading.current_thread().name, "quick")
        released.set()
        return name, await blocked

    released = threading.Event()
    assert run(calls()) == ("quick", True)


def test_a_blocking_call_raises_where_it_is_waited_for() -> None:
    def fault() -> None:
        raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        run(in_thread(fault))


def test_a_call_that_outlives_the_loop_is_forgotten() -> None:
    released, ended = threading.Event(), threading.Event()

    def block() -> None:
        released.wait(30)
        ended.set()

    async def begin() -> None:
        asyncio.create_task(in_thread(block))  # noqa: RUF006
        await asyncio.sleep(0)

    loop = EventLoopThread("t")
    loop.start()
    loop.run(begin())
    loop.stop()
    assert not loop.alive
    released.set()
    assert ended.wait(10)


def test_a_thread_that_cannot_be_had_is_an_os_error() -> None:
    with (
        patch("exporter.base.event_loop.Thread.start", side_effect=RuntimeError("can't start")),
        pytest.raises(OSError, match="can't start"),
    ):
        run(in_thread(lambda: None))


class Work:
    """Something of megabytes that a call was at."""


def test_a_failure_keeps_nothing_of_what_it_was_at() -> None:
    work = Work()
    left = weakref.ref(work)

    def fault(work: Work) -> None:
        raise ValueError("oops")

    async def main(work: Work) -> None:
        with pytest.raises(ValueError, match="oops"):
            await in_thread(partial(fault, work))

    gc.disable()
    try:
        run(main(work))
        del work
        until(lambda: left() is None)
    finally:
        gc.enable()
