"""A small closed-loop client: so many requests are always in flight, and tokens are counted."""

import json
import random
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from threading import Event, Lock, Thread
from time import sleep, time
from typing import Final

from .model import FIRST_WORD, VOCABULARY

_PROMPT: Final = 256
_OUTPUT: Final = 128


@dataclass(slots=True)
class Client:
    """Loads one server with `concurrency` requests at once between `start` and `stop`."""

    port: int
    model: str
    concurrency: int
    done: int = 0
    errors: int = 0
    first_error: str = ""
    prompt_tokens: int = 0
    generated: int = 0
    began: float = 0.0
    ended: float = 0.0
    _stop: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send requests."""
        self.began = time()
        for seed in range(self.concurrency):
            thread = Thread(target=self._send, args=(random.Random(seed),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Send nothing more and wait for what is in flight."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        self.ended = time()

    def phase(self) -> dict[str, object]:
        """Return what was measured, as recordings hold it."""
        seconds = self.ended - self.began
        return {
            "name": "steady",
            "conc": self.concurrency,
            "isl": _PROMPT,
            "osl": _OUTPUT,
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
            try:
                usage = self._request(connection, chance)
            except (OSError, HTTPException, ValueError, KeyError) as error:
                with self._lock:
                    self.errors += 1
                    self.first_error = self.first_error or repr(error)[:300]
                connection.close()
                sleep(0.2)
                continue
            with self._lock:
                self.done += 1
                self.prompt_tokens += usage["prompt_tokens"]
                self.generated += usage["completion_tokens"]
        connection.close()

    def _request(self, connection: HTTPConnection, chance: random.Random) -> dict[str, int]:
        output = round(_OUTPUT * chance.uniform(0.8, 1.2))
        body = {
            "model": self.model,
            "prompt": [chance.randrange(FIRST_WORD, VOCABULARY) for _ in range(_PROMPT)],
            "max_tokens": output,
            "min_tokens": output,
            "ignore_eos": True,
        }
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise ValueError(f"{response.status}: {answer[:200]!r}")
        usage: dict[str, int] = json.loads(answer)["usage"]
        return usage
