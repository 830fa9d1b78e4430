"""`inferfleet serve` as a user runs it, and what its pages say."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep, time
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from .http_get import get
from .process import Child, start
from .server import Server

ROOT: Final = Path(__file__).parents[2]
WINDOW: Final = 20.0
"""Seconds of the window that the exporter's figures cover."""
_PREFIX: Final = "inferfleet_"


@dataclass(frozen=True, slots=True)
class Page:
    """One metrics page of the exporter, read at a Unix time."""

    time: float
    text: str
    samples: Sequence[Sample]

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of a name, given without its prefix, that have these labels."""
        return [sample.value for sample in self.matching(name, **labels)]

    def total(self, name: str, **labels: str) -> float | None:
        """Return their sum, None where there are none."""
        values = self.values(name, **labels)
        return sum(values) if values else None

    def matching(self, name: str, **labels: str) -> list[Sample]:
        """Return those samples."""
        return [
            sample
            for sample in self.samples
            if sample.name == _PREFIX + name and labels.items() <= sample.labels.items()
        ]

    def label(self, name: str, label: str, **labels: str) -> str | None:
        """Return a label's value on the only sample of a name, None where there is none."""
        samples = self.matching(name, **labels)
        return samples[0].labels.get(label) if len(samples) == 1 else None


def parse(text: str, when: float) -> Page:
    """Return a page from its text, by another reader than the exporter's own."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return Page(when, text, samples)


@dataclass(slots=True)
class Exporter:
    """The exporter under way; every page it shows between `watch` and `stop` is kept."""

    port: int
    child: Child = field(repr=False)
    pages: list[Page] = field(default_factory=list, repr=False)
    _ended: Event = field(default_factory=Event, repr=False)
    _thread: Thread | None = None

    def page(self) -> Page:
        """Return its page now; raises `OSError` where it does not answer."""
        return parse(get(f"http://127.0.0.1:{self.port}/metrics"), time())

    def fleet(self) -> dict[str, dict[str, Any]]:
        """Return what its JSON says of each target."""
        fleet = json.loads(get(f"http://127.0.0.1:{self.port}/api/v1/fleet"))
        return {report["target"]: report for report in fleet["servers"]}

    def settled(self, target: str, seconds: float = 30.0) -> Page:
        """Return its page once three samples were taken from now on and no request is left."""
        end, began = monotonic() + seconds, self.page().total("scrapes_total", target=target) or 0
        while True:
            page = self.page()
            taken = (page.total("scrapes_total", target=target) or 0) - began
            idle = not page.total("requests_running", target=target)
            if (taken >= 3 and idle) or monotonic() > end:
                return page
            sleep(0.5)

    def wait_until_identified(self, target: str, seconds: float = 60.0) -> bool:
        """Wait until a target is up and known; return whether it is."""
        end = monotonic() + seconds
        while monotonic() < end:
            try:
                page = self.page()
            except OSError:
                page = parse("", time())
            if page.total("target_up", target=target) and page.matching(
                "server_info", target=target
            ):
                return True
            sleep(0.5)
        return False

    def watch(self) -> None:
        """Begin to keep a page a second."""
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self, folder: Path) -> None:
        """End the exporter; leave the pages that were kept in a folder."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        self.child.end()
        folder.mkdir(parents=True, exist_ok=True)
        for page in self.pages:
            (folder / f"{page.time:.1f}.prom").write_text(page.text, encoding="utf-8")

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            try:
                self.pages.append(self.page())
            except OSError:
                continue


def start_exporter(
    servers: Sequence[Server], port: int, folder: Path, python_path: str
) -> Exporter:
    """Start `inferfleet serve` over the servers, a sample a second."""
    config = {
        "interval": "1s",
        "window": f"{WINDOW:.0f}s",
        "identity_refresh": "5s",
        "targets": [{"url": server.url, "name": server.name} for server in servers],
        "gpu": {"interval": "1s"},
        "load": {"warm_up": "0s"},
        "web": {"listen": f"127.0.0.1:{port}"},
    }
    path = folder / "inferfleet.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "exporter", "serve", "--config", str(path)]
    paths = os.pathsep.join(filter(None, (str(ROOT), python_path)))
    return Exporter(port, start(command, {"PYTHONPATH": paths}, folder / "exporter.log"))
