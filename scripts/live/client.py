"""A small client that counts tokens: a closed loop, and requests that are given up half-way."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from threading import Event, Lock, Thread
from time import sleep, time
from typing import Any

from .model import FIRST_WORD, VOCABULARY


@dataclass(frozen=True, slots=True)
class Shape:
    """Tokens of a request: of its prompt, of which the first `shared` are the same in all; output.

    Outputs are a fifth longer or shorter at most.
    """

    prompt: int = 256
    output: int = 128
    shared: int = 0

    def body(self, model: str, chance: random.Random) -> dict[str, Any]:
        """Return a request."""
        same = random.Random(0)
        shared = [same.randrange(FIRST_WORD, VOCABULARY) for _ in range(self.shared)]
        own = range(self.prompt - self.shared)
        output = round(self.output * chance.uniform(0.8, 1.2))
        return {
            "model": model,
            "prompt": [*shared, *(chance.randrange(FIRST_WORD, VOCABULARY) for _ in own)],
            "max_tokens": output,
            "min_tokens": output,
            "ignore_eos": True,
        }


@dataclass(slots=True)
class Client:
    """Loads one server with `concurrency` requests at once between `start` and `stop`."""

    port: int
    model: str
    concurrency: int
    shape: Shape = Shape()
    seed: int = 0
    done: int = 0
    errors: int = 0
    first_error: str = ""
    prompt_tokens: int = 0
    generated: int = 0
    began: float = 0.0
    ended: float = 0.0
    answers: list[tuple[float, float, int]] = field(default_factory=list, repr=False)
    """Of each answered request: Unix times of its start and end, and tokens generated."""
    _stop: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send requests."""
        self.began = time()
        for number in range(self.concurrency):
            chance = random.Random(f"{self.seed} {number}")
            thread = Thread(target=self._send, args=(chance,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Send nothing more and wait for what is in flight."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        self.ended = time()

    def rates(self, start: float, end: float) -> tuple[float, float]:
        """Return the least and the most tokens per second generated between two Unix times.

        The least are those of answers that began and ended there, the most those of all answers
        that were under way there.
        """
        inside = [n for first, last, n in self.answers if first >= start and last <= end]
        overlapping = [n for first, last, n in self.answers if last > start and first < end]
        return sum(inside) / (end - start), sum(overlapping) / (end - start)

    def phase(self) -> dict[str, object]:
        """Return what was measured, as recordings hold it."""
        seconds = self.ended - self.began
        return {
            "name": "steady",
            "conc": self.concurrency,
            "isl": self.shape.prompt,
            "osl": self.shape.output,
            "start": self.began,
            "end": self.ended,
            "done": self.done,
            "errors": self.errors,
            "prompt_tokens": self.prompt_tokens,
            "gen_tokens": self.generated,
            "gen_tok_s": self.generated / seconds,
            "total_tok_s": (self.generated + self.prompt_tokens) / seconds,
        }

    def _send(self, chance: random.Random) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        while not self._stop.is_set():
            began = time()
            try:
                usage = complete(connection, self.shape.body(self.model, chance))
            except (OSError, HTTPException, ValueError, KeyError) as error:
                with self._lock:
                    self.errors += 1
                    self.first_error = self.first_error or repr(error)[:300]
                connection.close()
                sleep(0.2)
                continue
            ended = time()
            with self._lock:
                self.done += 1
                self.prompt_tokens += usage["prompt_tokens"]
                self.generated += usage["completion_tokens"]
                self.answers.append((began, ended, usage["completion_tokens"]))
        connection.close()


def complete(
    connection: HTTPConnection, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Send a request and return its usage; raises `ValueError` where it is refused."""
    status, answer = _post(connection, body, headers)
    if status != 200:
        raise ValueError(f"{status}: {answer[:200]!r}")
    usage: dict[str, int] = json.loads(answer)["usage"]
    return usage


def refused(port: int, body: Mapping[str, Any]) -> int:
    """Send a request that no server can take, and return its status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    status, _ = _post(connection, body, None)
    connection.close()
    return status


def give_up(port: int, body: Mapping[str, Any], after: int) -> int:
    """Stream a request, hang up after so many pieces, and return how many came."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/v1/completions", json.dumps({**body, "stream": True}), _JSON)
    response = connection.getresponse()
    pieces = 0
    while pieces < after and (line := response.readline()):
        pieces += line.startswith(b"data: {")
    response.close()
    connection.close()
    return pieces


_JSON = {"Content-Type": "application/json"}


def _post(
    connection: HTTPConnection, body: Mapping[str, Any], headers: Mapping[str, str] | None
) -> tuple[int, bytes]:
    connection.request("POST", "/v1/completions", json.dumps(body), {**_JSON, **(headers or {})})
    response = connection.getresponse()
    return response.status, response.read()
