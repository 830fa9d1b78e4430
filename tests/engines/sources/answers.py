"""Servers that answer from a table, for tests that ask what a server is."""

import json
from collections.abc import Mapping

from exporter.base.errors import FetchError
from exporter.replay.recording import Recording


class Server:
    """Answers GETs from a table of bodies and remembers what it was asked."""

    def __init__(self, bodies: Mapping[str, object]) -> None:
        self.bodies = {
            path: body if isinstance(body, bytes) else json.dumps(body).encode()
            for path, body in bodies.items()
        }
        self.asked: list[str] = []

    def get(self, path: str) -> bytes:
        self.asked.append(path)
        if path not in self.bodies:
            raise FetchError("http_status", f"{path} answered 404")
        return self.bodies[path]


def recorded(recording: Recording) -> Server:
    """Return a server that answers as the recorded one did."""
    return Server(
        {
            path: answer.body.encode()
            for path, answer in recording.answers.items()
            if answer.status == 200
        }
    )
