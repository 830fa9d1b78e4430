"""A live server recorded: its pages, what its endpoints say, and its GPUs, as `recording` reads.

The server is watched as every server is, over a client that keeps what came in. What is written is
what the exporter saw, less what `redaction` leaves out.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time
from typing import Any, Final

from ..base.errors import RecordingError
from ..config import Config, HttpSettings, Target
from ..fetch import HttpClient, HttpResponse
from ..gpu.telemetry import Telemetry
from ..replay.archive import MAX_BYTES, SUFFIX
from ..sampling.watched_server import WatchedServer
from .archive_writer import ArchiveWriter
from .client_results import ClientResults
from .gpu_samples import metadata_line, sample_line
from .redaction import Redaction, answer_text

_IDENTIFY_EVERY: Final = 60.0


class _KeepingClient(HttpClient):
    """Keeps the newest answer to each URL."""

    def __init__(self, http: HttpSettings, max_bytes: int) -> None:
        super().__init__(http, max_bytes)
        self.answers: dict[str, HttpResponse] = {}

    async def get(self, url: str, timeout: float, max_bytes: int | None = None) -> HttpResponse:
        self.answers.pop(url, None)
        answer = await super().get(url, timeout, max_bytes)
        self.answers[url] = answer
        return answer


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """What was recorded: pages that were answered and all of them, of which engine and GPUs.

    `phases` are the load phases from results of clients, `faults` say of each result that gave none
    what is wrong with it.
    """

    answered: int
    pages: int
    engine: str
    version: str
    model: str
    gpus: int
    phases: int
    faults: tuple[str, ...]


def record(
    target: Target,
    path: Path,
    seconds: float,
    config: Config,
    progress: Callable[[float], None],
    results: Sequence[Path] = (),
) -> RecordingSummary:
    """Record a server for some seconds, a page each `config.interval`; write `path` at the end.

    At least two pages; it ends early where they are more than a recording may hold, once all
    `results` of load clients have come, or at Ctrl-C or SIGTERM: what has come by then is written.
    `progress` is called with the share done. Raises `RecordingError` where the first page does not
    come or the file cannot be written.
    """
    name = path.name.removesuffix(SUFFIX)
    if not path.name.endswith(SUFFIX) or not name:
        raise RecordingError(f"{path} must be called NAME{SUFFIX}")
    client_results = ClientResults(results, name, time())
    telemetry = Telemetry(config)
    telemetry.start()
    try:
        with ArchiveWriter(path) as archive:
            recorder = _Recorder(target, archive, config, telemetry, client_results)
            return recorder.run(seconds, name, progress)
    finally:
        telemetry.stop()


@dataclass(slots=True)
class _Recorder:
    target: Target
    archive: ArchiveWriter
    config: Config
    telemetry: Telemetry
    results: ClientResults
    redaction: Redaction = field(default_factory=Redaction)
    scrapes: list[dict[str, object]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    gpu_metadata: list[str] = field(default_factory=list)
    gpu_samples: dict[tuple[str, float], tuple[float, str]] = field(default_factory=dict)
    gpu_numbers: dict[str, int] = field(default_factory=dict)
    answered: int = 0
    written: int = 0

    def run(self, seconds: float, name: str, progress: Callable[[float], None]) -> RecordingSummary:
        client = _KeepingClient(self.config.http, self.config.limits.page)
        server = WatchedServer(self.target, client, self.config, self.telemetry, patient=False)
        try:
            asyncio.run(self._sample(server, client, seconds, progress))
        except KeyboardInterrupt:
            if not self.answered:
                raise
        return self._finish(server, name)

    async def _sample(
        self,
        server: WatchedServer,
        client: _KeepingClient,
        seconds: float,
        progress: Callable[[float], None],
    ) -> None:
        start, identified, number = monotonic(), -_IDENTIFY_EVERY, 0
        try:
            while self.written <= MAX_BYTES // 2:
                elapsed = monotonic() - start
                # the page after the last result has the end of its load
                is_last = self.results.complete and number > 0
                progress(min(elapsed / seconds, 1.0))
                await server.sample()
                self._add_page(server, client)
                if elapsed - identified >= _IDENTIFY_EVERY and not server.reading.error:
                    identified = elapsed
                    await server.identify()
                    self._add_answers(client)
                self._add_gpus(server)
                self.results.look(time())
                number += 1
                elapsed = monotonic() - start
                pause = max(number * self.config.interval - elapsed, 0.0)
                # rates take two pages, however slowly they come
                if is_last or (elapsed + pause > seconds and number > 1):
                    break
                await asyncio.sleep(pause)
        finally:
            server.close()

    def _add_page(self, server: WatchedServer, client: _KeepingClient) -> None:
        error = server.reading.error
        if error and not self.answered:
            raise RecordingError(error)
        answer = client.answers.get(self.target.url + self.target.metrics_path)
        scrape: dict[str, object] = {"i": len(self.scrapes), "t": time()}
        content = b""
        if answer is not None and not error:
            text = answer.body.decode("utf-8", "replace")
            content = self.redaction.page(text).encode()
            scrape["content_type"] = answer.content_type
            self.answered += 1
        self.archive.add(f"pages/{len(self.scrapes):04d}.prom", content)
        self.scrapes.append(scrape)
        self.written += len(content)

    def _add_answers(self, client: _KeepingClient) -> None:
        page = self.target.url + self.target.metrics_path
        for url, answer in client.answers.items():
            if url != page and (text := answer_text(answer.body)):
                self.answers[url.removeprefix(self.target.url)] = text

    def _add_gpus(self, server: WatchedServer) -> None:
        link = server.reading.link
        for uuid in link.uuids if link else ():
            gpu = self.telemetry.inventory.gpus.get(uuid)
            if gpu is None:
                continue
            if uuid not in self.gpu_numbers:
                self.gpu_numbers[uuid] = len(self.gpu_numbers)
                self.gpu_metadata.append(metadata_line(gpu, self.gpu_numbers[uuid]))
            sampled_at = time() - (monotonic() - gpu.time)
            line = sample_line(gpu, self.gpu_numbers[uuid], sampled_at)
            # a reading stands until the next one: it is written down once
            self.gpu_samples.setdefault((uuid, gpu.time), (sampled_at, line))

    def _finish(self, server: WatchedServer, name: str) -> RecordingSummary:
        self.results.look(time())
        reading = server.reading
        identity, snapshot = reading.identity, reading.snapshot
        assert snapshot is not None
        version = (identity.text("version") if identity else "") or "unknown"
        model = snapshot.plan.model or (identity.text("model") if identity else "") or "unknown"
        manifest: dict[str, Any] = {
            "name": name,
            "engine": snapshot.plan.engine,
            "engine_version": version,
            "model": model,
            "gpu": (identity.text("gpu_model") if identity else "") or None,
            "gpus": identity.number("gpus") if identity else None,
            "http": self.answers,
            "scrapes": self.scrapes,
            "phases": self.results.phases,
        }
        if self.gpu_metadata:
            samples = [line for _, line in sorted(self.gpu_samples.values())]
            self.archive.add("nvml.jsonl", "\n".join([*self.gpu_metadata, *samples]).encode())
        self.archive.add("manifest.json", json.dumps(manifest, indent=1).encode())
        return RecordingSummary(
            self.answered,
            len(self.scrapes),
            snapshot.plan.engine,
            version,
            model,
            len(self.gpu_numbers),
            len(self.results.phases),
            tuple(f"{path}: {fault}" for path, fault in self.results.faults.items()),
        )
