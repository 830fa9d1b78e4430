"""Servers that are dead in ten ways, each on a port of its own and at every loopback address.

Run as `python -m scripts.soak.dead_servers PAGE_BYTES`: it prints a line of JSON, the port of each
kind, and serves until it is terminated. A huge page has more than PAGE_BYTES bytes.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

_DRIP_SECONDS = 0.5
_BLOCK = b"# a comment of a page that does not end\n" * 1638
_OK = b"HTTP/1.1 200 OK\r\n"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _drip(start: bytes, drop: bytes, reader: object, writer: asyncio.StreamWriter) -> None:
    writer.write(start)
    while True:
        writer.write(drop)
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)


async def _say(answer: bytes, reader: object, writer: asyncio.StreamWriter) -> None:
    writer.write(answer)
    await writer.drain()


async def _reset(reader: object, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _garbage(reader: object, writer: asyncio.StreamWriter) -> None:
    writer.write(os.urandom(4096))
    await writer.drain()


async def _huge(page_bytes: int, reader: object, writer: asyncio.StreamWriter) -> None:
    writer.write(_OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(page_bytes // len(_BLOCK) + 2):
        writer.write(b"%x\r\n%b\r\n" % (len(_BLOCK), _BLOCK))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def _scripts(page_bytes: int) -> dict[str, Script]:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n"
    return {
        "drip": partial(_drip, _OK + b"Content-Length: 100000\r\n\r\n", b"a"),
        "slow headers": partial(_drip, _OK, b"X-A: b\r\n"),
        "reset": _reset,
        "garbage": _garbage,
        "errors": partial(_say, b"HTTP/1.1 500 Broken\r\nContent-Length: 6\r\n\r\nbroken"),
        "huge page": partial(_huge, page_bytes),
        "redirects": partial(_say, redirect),
        # asked over TLS, it answers as a server without it does
        "no TLS": partial(_say, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    }


KINDS = (*_scripts(0), "refused", "black hole")


def refused() -> socket.socket:
    """Return a socket whose port is taken and does not listen."""
    bound = socket.socket()
    bound.bind(("", 0))
    return bound


def black_hole() -> list[socket.socket]:
    """Return a socket that accepts nothing, and the connections that fill its queue."""
    listener = socket.create_server(("", 0), backlog=0)
    sockets = [listener]
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        with suppress(BlockingIOError):
            waiting.connect(("127.0.0.1", listener.getsockname()[1]))
        sockets.append(waiting)
    return sockets


async def _play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # the client may go at any time, and so may this process
    with suppress(OSError, asyncio.CancelledError):
        while await reader.read(65536):
            await script(reader, writer)
    writer.close()


async def serve(page_bytes: int) -> None:
    """Serve until SIGTERM."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    closed, full = refused(), black_hole()
    ports = {"refused": closed.getsockname()[1], "black hole": full[0].getsockname()[1]}
    for kind, script in _scripts(page_bytes).items():
        server = await asyncio.start_server(partial(_play, script), "", 0, backlog=1024)
        ports[kind] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await stopped.wait()
    for waiting in (closed, *full):
        waiting.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
