"""A recording served as many servers, with a note of when each page was asked for and by whom.

Run as `python -m scripts.bench.page_server COPIES ARRIVALS`: it prints its port, and an empty line
once every server was asked for its version, so that a client has no more to learn at its start. It
serves until it is terminated and then writes a line for each page asked for into the file ARRIVALS:
when, in monotonic seconds, and the first word of the client's name.
"""

import asyncio
import re
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from exporter.replay.endpoint import Connection, Endpoint
from exporter.replay.playlist import Player, Playlist
from exporter.replay.recording import find_recording, load_recording

RECORDING: Final = "vllm-dense-0.26.0"
_AGENT: Final = re.compile(r"user-agent: ?([\w-]+)", re.IGNORECASE)
_STAGGER_SECONDS: Final = 0.3
_BACKLOG: Final = 4096


class Log:
    """When pages were asked for, and the paths of servers not asked for their version yet."""

    def __init__(self, copies: int) -> None:
        self.arrivals: list[tuple[float, str]] = []
        self._unidentified = {f"/s/{copy}" for copy in range(copies)}

    def note(self, head: str) -> None:
        """Note a request by its head."""
        server, _, page = head.split(" ", 2)[1].rpartition("/")
        if page == "metrics":
            agent = _AGENT.search(head)
            self.arrivals.append((monotonic(), agent[1].lower() if agent else ""))
        elif page == "version" and server in self._unidentified:
            self._unidentified.remove(server)
            if not self._unidentified:
                print(flush=True)


class _LoggingConnection(Connection):
    """A connection whose requests are noted."""

    def __init__(self, endpoint: Endpoint, log: Log) -> None:
        super().__init__(endpoint)
        self._log = log

    def _answer(self, head: str) -> None:
        self._log.note(head)
        super()._answer(head)


async def serve(copies: int, log: Log) -> None:
    """Serve a recording on every address of this machine until SIGTERM."""
    player = Player(Playlist((load_recording(find_recording(RECORDING)),)))
    # one copy alone would be served without the paths that several have
    endpoint = Endpoint(player, max(copies, 2), _STAGGER_SECONDS, monotonic, 0)
    endpoint.start_playing()
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    bound = socket.create_server(("", 0), backlog=_BACKLOG)
    await loop.create_server(partial(_LoggingConnection, endpoint, log), sock=bound)
    print(bound.getsockname()[1], flush=True)
    await stopped.wait()


def main() -> None:
    """Serve, then write the arrivals."""
    copies, path = int(sys.argv[1]), Path(sys.argv[2])
    log = Log(copies)
    asyncio.run(serve(copies, log))
    path.write_text("".join(f"{time:.6f} {agent}\n" for time, agent in log.arrivals))


if __name__ == "__main__":
    main()
