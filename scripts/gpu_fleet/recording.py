"""A small recording of one server: its pages, its answers and its first GPU's samples."""

import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import time
from typing import Any, Final

from scripts.live.http_get import get

from .boards import Board

_PATHS: Final = ("/version", "/v1/models", "/server_info?config_format=json", "/load")
_HELP: Final = re.compile(r"^# HELP .*\n", re.MULTILINE)
_INTERVAL: Final = 2.0


@dataclass(slots=True)
class Recorder:
    """Scrapes a server's page every two seconds between `start` and `stop`."""

    url: str
    pages: list[tuple[float, str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def start(self) -> None:
        """Ask once what the server is, and begin to scrape."""
        for path in _PATHS:
            try:
                self.answers[path] = get(self.url + path)
            except OSError as error:
                self.answers[path] = f"error: {error}"
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End scraping."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            when = time()
            try:
                self.pages.append((when, get(f"{self.url}/metrics")))
            except OSError as error:
                self.pages.append((when, f"# scrape failed: {error}\n"))
            self._ended.wait(max(0.0, when + _INTERVAL - time()))

    def save(
        self, path: Path, description: dict[str, Any], boards: Sequence[Board], private: Path
    ) -> int:
        """Write the archive and return its bytes; the folder `private` is named nowhere in it."""
        start, end = self.pages[0][0] - 1, self.pages[-1][0] + 1
        samples = [sample for sample in boards[0].samples if start <= sample["t"] <= end]
        manifest = {
            **description,
            "gpu": boards[0].metadata["name"],
            "gpus": len(boards),
            "weights": "random (dummy), so speeds are real and texts are not",
            "http": self.answers,
            "scrapes": [{"i": i, "t": when} for i, (when, _) in enumerate(self.pages)],
        }
        files = {
            "manifest.json": json.dumps(manifest, indent=1),
            "nvml.jsonl": "\n".join(map(json.dumps, ({"meta": boards[0].metadata}, *samples))),
            **{
                f"pages/{i:04d}.prom": _HELP.sub("", page) for i, (_, page) in enumerate(self.pages)
            },
        }
        with tarfile.open(path, "w:xz") as archive:
            for name, text in files.items():
                content = text.replace(str(private), "PATH").encode()
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path.stat().st_size
