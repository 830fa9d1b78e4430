"""Replayed servers, each at an address of its own, that restart, are upgraded and change names.

Run as `python -m scripts.soak.live_servers COPIES SPEED PERIOD ARRIVALS`: it prints its port,
serves until it is terminated, and then writes a line for each page asked for into the file
ARRIVALS: when, in monotonic seconds, and the number of the server. Each PERIOD seconds models and
metrics are called otherwise; with a PERIOD of 0 nothing changes, and all play one recording.
"""

import asyncio
import signal
import socket
import sys
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from time import monotonic

from exporter.replay.endpoint import Connection, Endpoint, StatusTypeBody
from exporter.replay.playlist import Player, Playlist
from exporter.replay.recording import find_recording, load_recording

_RECORDINGS = ("vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0")
_FIRST = IPv4Address("127.1.0.1")
"""An address of the loopback network that the exporter takes for another machine."""
_STAGGER_SECONDS = 0.3
_GAP_SECONDS = 0.2
_BACKLOG = 4096
_MODELS = 3


def address(number: int) -> str:
    """Return where the server of a number is; every address of the loopback network is served."""
    return str(_FIRST + number)


@dataclass(slots=True)
class _ChangingEndpoint(Endpoint):
    """Recorded pages whose model and metric names change each `period` seconds."""

    period: float = 0.0

    def respond(self, target: str) -> StatusTypeBody | None:
        response = Endpoint.respond(self, target)
        if response is None or not self.period or not target.endswith("/metrics"):
            return response
        status, content_type, body = response
        change = int((self.clock() - self.started) / self.period)
        body = body.replace(b'model_name="', b'model_name="%d-' % (change % _MODELS))
        body += b'vllm:change_%d_total{pod="p-%d"} 1\n' % (change, change)
        return status, content_type, body


class _AddressedConnection(Connection):
    """A connection to the server of its address; pages asked for are noted."""

    def __init__(self, endpoint: Endpoint, arrivals: list[tuple[float, int]]) -> None:
        super().__init__(endpoint)
        self._arrivals = arrivals

    def _answer(self, head: str) -> None:
        host, _ = self._transport.get_extra_info("sockname")
        number = int(IPv4Address(host)) - int(_FIRST)
        method, _, rest = head.partition(" ")
        if rest.startswith("/metrics"):
            self._arrivals.append((monotonic(), number))
        super()._answer(f"{method} /s/{number}{rest}")


async def serve(
    copies: int, speed: float, period: float, arrivals: list[tuple[float, int]]
) -> None:
    """Serve until SIGTERM."""
    names = _RECORDINGS if period else _RECORDINGS[-1:]
    recordings = tuple(load_recording(find_recording(name)) for name in names)
    playlist = Playlist(recordings, "loop-all" if period else "loop-last", gap=_GAP_SECONDS)
    endpoint = _ChangingEndpoint(
        Player(playlist, speed), max(copies, 2), _STAGGER_SECONDS, monotonic, 0, period=period
    )
    endpoint.start_playing()
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    bound = socket.create_server(("", 0), backlog=_BACKLOG)
    await loop.create_server(partial(_AddressedConnection, endpoint, arrivals), sock=bound)
    print(bound.getsockname()[1], flush=True)
    await stopped.wait()


def main() -> None:
    """Serve, then write the arrivals."""
    copies, speed, period, path = sys.argv[1:]
    arrivals = list[tuple[float, int]]()
    asyncio.run(serve(int(copies), float(speed), float(period), arrivals))
    Path(path).write_text("".join(f"{time:.6f} {number}\n" for time, number in arrivals))


if __name__ == "__main__":
    main()
