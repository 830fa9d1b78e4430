"""A server of an engine under way, and how long until it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep

from .http_get import get
from .process import Child


@dataclass(slots=True)
class Server:
    """A server on a port of this machine, by the name of the exporter's target."""

    name: str
    port: int
    arguments: Sequence[str]
    child: Child = field(repr=False)
    ready_path: str = "/health"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether the server has loaded its model."""
        try:
            get(f"{self.url}{self.ready_path}", 2)
        except OSError:
            return False
        return True


def wait_for(servers: Sequence[Server], seconds: float) -> list[Server]:
    """Return the servers that answer, after all do, or have ended, or the time is up."""
    end = monotonic() + seconds
    ready = list[Server]()
    while monotonic() < end:
        waiting = [server for server in servers if server not in ready and server.child.runs]
        if not waiting:
            break
        ready += [server for server in waiting if server.answers()]
        sleep(0.5)
    return ready
