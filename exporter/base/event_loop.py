"""One asyncio event loop in a thread of its own, and blocking calls that must not hold it up.

What blocks (a look-up of a name, a look through /proc, a page of megabytes) runs in a daemon thread
for that one call. Such a thread is never waited for at the end, so that a resolver or a file system
that does not answer cannot keep the process from ending, as a pool of threads would.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, Final, TypeVar

T = TypeVar("T")

_STOP_SECONDS: Final = 2.0
log = logging.getLogger(__name__)


class EventLoopThread:
    """Runs coroutines for other threads between `start` and `stop`."""

    def __init__(self, name: str) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to run."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Cancel every task and end; what does not end within some seconds is left behind."""
        if self.alive:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(seconds)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and return what it returns; not for the loop's own thread.

        Raises `RuntimeError` where the loop does not run.
        """
        if not self.alive:
            coroutine.close()
            raise RuntimeError("the event loop does not run")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        except BaseException:
            log.critical("the event loop ended", exc_info=True)
            raise
        finally:
            self._cancel_all()
            self._loop.close()

    def _cancel_all(self) -> None:
        # the end of one may begin another
        while tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks))
        # a connection that was aborted is closed in the loop's next turn
        self._loop.run_until_complete(asyncio.sleep(0))


async def in_thread(call: Callable[[], T], name: str = "blocking call") -> T:
    """Return what a blocking call returns or raises, from a daemon thread of its own.

    Cancelled, it leaves the thread to end by itself. Raises `OSError` where no thread can be had.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def run(answer: asyncio.Future[T]) -> None:
        try:
            value = call()
        except BaseException as error:
            settle = _settled(answer, None, error)
        else:
            settle = _settled(answer, value, None)
        # the loop may have ended meanwhile
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)
        # a failure holds this frame by its traceback: with it, no cycle that keeps what it was at
        del settle, answer

    try:
        Thread(target=run, name=name, daemon=True, args=(answer,)).start()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    try:
        return await answer
    finally:
        del answer


def _settled(
    answer: "asyncio.Future[T]", value: T | None, error: BaseException | None
) -> Callable[[], None]:
    def settle() -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)  # type: ignore[arg-type]

    return settle
