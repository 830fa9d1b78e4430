"""Reloads one after another in one thread, however many are asked for."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread


class ReloadWorker:
    """Calls `reload` in a thread of its own, between `start` and `stop`.

    At most one runs and one waits: all who ask while one runs share the next, which begins after
    they asked and so reads what they changed.
    """

    def __init__(self, reload: Callable[[], None]) -> None:
        self._reload = reload
        self._queue = SimpleQueue[Future[None] | None]()
        self._lock = Lock()
        self._waiting: Future[None] | None = None
        self._thread = Thread(target=self._run, name="reload", daemon=True)

    def start(self) -> None:
        """Begin to reload when asked."""
        self._thread.start()

    def stop(self) -> None:
        """End after what waits; waits for nothing."""
        self._queue.put(None)

    def request(self) -> Future[None]:
        """Ask for a reload; the future ends with it, with its exception where it is refused."""
        with self._lock:
            if self._waiting is None:
                self._waiting = Future()
                self._waiting.set_running_or_notify_cancel()
                self._queue.put(self._waiting)
            return self._waiting

    def _run(self) -> None:
        while future := self._queue.get():
            with self._lock:
                self._waiting = None
            try:
                self._reload()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(None)
