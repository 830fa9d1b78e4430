"""The exporter's HTTP server: an `App` behind a listening socket, from start to close.

One thread a connection, HTTP/1.1 with keep-alive. No client can block the exporter: connections,
requests answered at once, the size of a request and the time of each step are bounded.
"""

import threading
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Final, Self

from ..config import DEFAULT_LISTEN
from .access_control import AccessControl
from .address import ListenAddress, parse_listen
from .app import App, Backend
from .handler import Handler
from .listener import Listener

MAX_REQUESTS: Final = 40

_GRACE_SECONDS: Final = 5.0


class WebServer:
    """The exporter's HTTP server; a context manager that serves in threads of its own.

    Construction reads the web configuration file and binds the address, so that both are known to
    be good before anything else starts; it raises `ConfigError`.
    """

    def __init__(
        self,
        backend: Backend,
        listen: str = DEFAULT_LISTEN,
        web_config: Path | None = None,
        max_requests: int = MAX_REQUESTS,
    ) -> None:
        access = AccessControl(web_config) if web_config is not None else None
        self._scheme = "https" if access is not None and access.encrypts else "http"
        self._listener = Listener(parse_listen(listen), Handler, App(backend), access, max_requests)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on, also where the address left the choice open."""
        port: int = self._listener.socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The base address, for logs; `0.0.0.0` or `[::]` mean every interface."""
        host = self._listener.socket.getsockname()[0]
        return f"{self._scheme}://{ListenAddress(host, self.port)}/"

    def start(self) -> None:
        """Start to serve."""
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.1,), name="web", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop: accept nothing new, let responses end for a few seconds, then close connections."""
        if self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        deadline = monotonic() + _GRACE_SECONDS
        for _ in range(self._listener.max_requests):
            self._listener.request_slots.acquire(timeout=max(deadline - monotonic(), 0.0))
        self._listener.close_connections()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
