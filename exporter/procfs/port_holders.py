"""The processes behind the ports of many servers, from few looks through /proc."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final

from . import sockets
from .files import PROC
from .port_holder import PortHolder, port_holder
from .process_table import ProcessTable, process_table

_KEPT_SECONDS: Final = 10.0


class PortHolders:
    """Finds the processes behind ports, for any thread; `clock` gives monotonic seconds.

    A look through /proc takes as long as many samples, and shows all ports at once. What it showed
    is used again for some seconds by whoever asks for a port whose sockets are still held as they
    were; whoever asks for any other gets what a look since then shows.
    """

    def __init__(self, proc: Path = PROC, clock: Callable[[], float] = monotonic) -> None:
        self._proc = proc
        self._clock = clock
        self._lock = Lock()
        self._table: ProcessTable | None = None
        self._time = 0.0

    def find(self, host: str, port: int) -> PortHolder:
        """Return the holder of the socket that answers on a loopback name (or address) and port."""
        requested = self._clock()
        with self._lock:
            table = self._table
            if table is None or not self._shows(table, host, port, requested):
                self._time = self._clock()
                table = self._table = process_table(self._proc)
        return port_holder(host, port, table)

    def _shows(self, table: ProcessTable, host: str, port: int, requested: float) -> bool:
        if self._time >= requested:
            return True
        if requested - self._time > _KEPT_SECONDS:
            return False
        inodes = sockets.answering(host, port, table.listening)
        return bool(inodes) and table.still_hold(inodes)
