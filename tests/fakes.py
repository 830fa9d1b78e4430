"""A server whose pages a test writes as it goes."""

import os
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socket import SO_LINGER, SOL_SOCKET
from struct import pack

from tests.loopback import LoopbackServer

Answer = tuple[int, bytes] | tuple[int, bytes, dict[str, str]] | None
"""Status, body and headers of a response; None resets the connection."""


class FakeServer(LoopbackServer):
    """Serves what `answers` says at the time; a callable is asked anew for each request.

    Paths not in `answers` are 404. `hits` counts requests by path, `connected` holds the open
    connections, `body` the last one posted. `release` ends every answer that is held by `hold`.
    """

    def __init__(self, **answers: Answer | Callable[[], Answer]) -> None:
        self.answers: dict[str, Answer | Callable[[], Answer]] = {
            "/" + path.replace("__", "/"): answer for path, answer in answers.items()
        }
        self.hits: dict[str, int] = {}
        self.connected: set[object] = set()
        self.headers: dict[str, str] = {}
        self.body = b""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                fake.connected.add(self)

            def finish(self) -> None:
                fake.connected.discard(self)
                super().finish()

            def do_GET(self) -> None:
                fake.hits[self.path] = fake.hits.get(self.path, 0) + 1
                fake.headers = dict(self.headers.items())
                answer = fake.answers.get(self.path, (404, b"nothing here"))
                answer = answer() if callable(answer) else answer
                if answer is None:
                    self.close_connection = True
                    # a close that waits for nothing to be sent is a reset
                    self.connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
                    os.close(self.connection.detach())
                    return
                status, body, *more = answer
                headers = {"Content-Type": "text/plain; version=0.0.4", **(more[0] if more else {})}
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                # a client that gives up at its deadline is what some tests are about
                with suppress(BrokenPipeError):
                    self.wfile.write(body)

            def do_POST(self) -> None:
                fake.body = self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(Handler)

    def hold(self) -> Answer:
        """Answer only when the test ends: a hung server."""
        self.released.wait(30)
        return 200, b""


def page(tokens: float, *, start: float = 1000.0, running: float = 1, waiting: float = 0) -> bytes:
    """Return a small vLLM page."""
    return (
        f'vllm:num_requests_running{{engine="0",model_name="m"}} {running}\n'
        f'vllm:num_requests_waiting{{engine="0",model_name="m"}} {waiting}\n'
        f'vllm:generation_tokens_total{{engine="0",model_name="m"}} {tokens}\n'
        f'vllm:prompt_tokens_total{{engine="0",model_name="m"}} {tokens * 4}\n'
        f"process_start_time_seconds {start}\n"
    ).encode()
