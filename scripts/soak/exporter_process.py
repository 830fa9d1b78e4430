"""The processes of a run: live servers, dead ones, and the exporter as its users run it."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

_START_SECONDS = 60.0
_END_SECONDS = 60.0


@contextmanager
def helper(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a module that prints a line once it serves, and end it."""
    command = [sys.executable, "-m", f"scripts.soak.{module}", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def first_line(process: subprocess.Popen[str]) -> Any:
    """Return what a helper says once it serves."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


class ExporterProcess:
    """`inferfleet serve` with a configuration file; `ended` is how long it took to end, in s."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.path = folder / "config.json"
        self.path.write_text(json.dumps(config))
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self.ended = 0.0
        self._blocks = folder / "blocks"
        command = [sys.executable, "-m", "scripts.soak.counted_exporter", str(self._blocks)]
        command += ["serve", "--config", str(self.path)]
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*command, "--listen", f"127.0.0.1:{port}", "--log-level", "error"], stderr=self._log
        )

    def __enter__(self) -> "ExporterProcess":
        end = monotonic() + _START_SECONDS
        while not self._answers():
            if monotonic() > end or self.process.poll() is not None:
                self.process.kill()
                sys.exit(f"the exporter does not answer {_START_SECONDS:.0f} s after its start")
            sleep(0.1)
        return self

    @property
    def blocks(self) -> int:
        """How many blocks Python had allocated a moment ago."""
        # empty while it is being written
        while not (text := self._blocks.read_text()):
            sleep(0.01)
        return int(text)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}-/healthy", timeout=_START_SECONDS):
                return True
        except URLError:
            return False

    def __exit__(self, *_: object) -> None:
        running = self.process.poll() is None
        begin = monotonic()
        self.process.terminate()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.ended = monotonic() - begin
        self._log.close()
        if not running:
            sys.exit(f"the exporter ended with {self.process.returncode} while it was watched")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port
