"""Servers whose every byte a test writes, one script for each connection."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Script = Callable[[socket.socket, threading.Event], None]
"""Plays one connection; the event is set when the test ends."""


def says(*parts: bytes, keep: bool = False) -> Script:
    """Read a request, send the parts, and close, or with `keep` wait for the end of the test."""

    def script(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
        if keep:
            ended.wait(30)

    return script


def drips(start: bytes, drop: bytes, every: float = 0.02) -> Script:
    """Read a request, send a beginning, then a drop again and again without end."""

    def script(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not ended.wait(every):
            connection.sendall(drop)

    return script


@contextmanager
def scripted(*scripts: Script) -> Iterator[str]:
    """Play the scripts, one for each connection in turn; yield the address of the server."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def play() -> None:
            for script in scripts:
                # the client may go, and the test may end, at any time
                with suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        script(connection, ended)

        thread = threading.Thread(target=play)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        finally:
            ended.set()
            # a script that nobody connected to is still waiting
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
