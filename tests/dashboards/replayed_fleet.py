"""A replayed fleet under upgrade, seen by the exporter: its published pages over a made-up hour.

Six servers and two releases: recorded H200 servers, two of which are upgraded and one of which goes
down, an SGLang server, and a vLLM server whose written page has the features no recording has.
Nothing waits: the exporter's clock is moved by hand, and no socket is opened.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from unittest.mock import patch

from exporter.base.errors import FetchError
from exporter.config import Config, Declaration, Target
from exporter.fetch import HttpClient, HttpResponse
from exporter.gpu.telemetry import Telemetry
from exporter.publish.page import Publisher
from exporter.publish.server_samples import Samples
from exporter.replay.playlist import Player, Playlist
from exporter.replay.recording import Recording
from exporter.sampling.view import GpuView, ServerView
from exporter.sampling.watched_server import WatchedServer
from exporter.vocabulary.engine import BUCKETS
from tests.conftest import RECORDINGS, cached_load
from tests.dashboards import features, telemetry
from tests.loop import run

EPOCH = 1_768_478_400.0
INSTANCE = "exporter:10190"
# the server is gone for longer than Prometheus looks back, as a real restart takes
GAP = 120.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How long is played, in seconds, how often it is sampled; when the first server is upgraded
    and from when on another one is down."""

    seconds: float
    upgrade: float
    outage: float
    step: float = 30.0


class Clock:
    """Seconds since the fleet was switched on; a look at it takes some milliseconds."""

    now = 0.0
    _reads = 0

    def monotonic(self) -> float:
        """Return the time the exporter measures with; it never starts at 0."""
        self._reads += 1
        return 1e6 + self.now + 0.001 * (self._reads % 100)

    def unix(self) -> float:
        """Return the time of day."""
        return EPOCH + self.now


class ReplayClient(HttpClient):
    """Answers as the servers would at the clock's time."""

    def __init__(self, clock: Clock, players: dict[str, Player], outage: float) -> None:
        super().__init__(Config().http, 1 << 24)
        self._clock, self._players, self._outage = clock, players, outage

    async def get(self, url: str, timeout: float, max_bytes: int | None = None) -> HttpResponse:
        """Return a recorded answer, or raise `FetchError` while the server is down."""
        host, _, path = url.removeprefix("http://").partition("/")
        if host == features.HOST:
            return HttpResponse(features.answer(f"/{path}", self._clock.now), "text/plain")
        state = self._players[host].state_at(self._clock.now)
        if state is None or (host == "dense-c" and self._clock.now >= self._outage):
            raise FetchError("connect", f"{url} cannot be reached")
        if path == "metrics":
            return HttpResponse(state.metrics(EPOCH), state.content_type)
        answer = state.track.recording.answers.get(f"/{path}")
        if answer is None or answer.status != 200:
            raise FetchError("http_status", f"{url} answered 404")
        return HttpResponse(answer.body.encode(), answer.content_type)


def pages(shape: Shape, buckets: Collection[str] = BUCKETS) -> Iterator[tuple[float, str]]:
    """Yield Unix time and text of each page the exporter publishes, GPU telemetry included."""
    clock, publisher = Clock(), Publisher(buckets)
    players = {
        name: Player(playlist, uptime=7200.0) for name, playlist in _playlists(shape).items()
    }
    client = ReplayClient(clock, players, shape.outage)
    config = Config(interval=shape.step, timeout=5, window=4 * shape.step)
    with (
        patch("exporter.sampling.watched_server.monotonic", clock.monotonic),
        patch("exporter.sampling.served_model.monotonic", clock.monotonic),
        patch("exporter.sampling.served_model.time", clock.unix),
    ):
        gpus = Telemetry(config, [telemetry.InstantWatch(clock.monotonic(), shape.step)])
        names = (*players, features.HOST)
        servers = [WatchedServer(_target(name), client, config, gpus) for name in names]
        while clock.now < shape.seconds:
            gpus.tick(clock.monotonic())
            yield clock.unix(), _page(servers, gpus, publisher, clock, config)
            clock.now += shape.step


def _page(
    servers: list[WatchedServer],
    gpus: Telemetry,
    publisher: Publisher,
    clock: Clock,
    config: Config,
) -> str:
    shown = []
    for server in servers:
        run(server.sample())
        if server.reading.misses == 0:
            run(server.identify())
        now = clock.monotonic()
        live = server.reading.fresh(now, config.interval, config.timeout)
        shown.append(ServerView(server.models[0], server.reading, live, now))
    own = {
        "targets": float(len(servers)),
        "discovery_problems": 0.0,
        "config_last_reload_successful": 1.0,
        "config_last_reload_success_timestamp_seconds": EPOCH,
    }
    exporter: dict[str, Samples] = {name: [((), value)] for name, value in own.items()}
    exporter["discovered_targets"] = [((("source", "the configuration"),), own["targets"])]
    exporter["shards"] = [((("shard", "0"),), 2.0)]
    gpu_view = GpuView(gpus.inventory.gpus, gpus.sources(clock.monotonic()))
    return publisher.page(shown, exporter, gpu_view).decode()


def _target(name: str) -> Target:
    declare = Declaration(gpu_model="NVIDIA H200", gpus=1, gpu_uuids=(telemetry.uuid(name),))
    return Target(url=f"http://{name}", name=name, declare=declare)


def _playlists(shape: Shape) -> dict[str, Playlist]:
    dense_old, dense_new = _recording("vllm-dense-0.20.2-mrv1"), _recording("vllm-dense-0.26.0")
    moe = _recording("vllm-moe-0.20.2-mrv1")
    return {
        "dense-a": _upgraded(dense_old, dense_new, shape.upgrade),
        "dense-b": _upgraded(dense_old, dense_new, shape.upgrade + 600.0),
        "dense-c": Playlist((dense_old,)),
        "moe-a": _upgraded(moe, _renamed(moe), shape.upgrade + 300.0),
        "sglang-a": _idle_later(_recording("sglang-0.5.23-basic-cpu"), 0.6 * shape.seconds),
    }


def _recording(name: str) -> Recording:
    return cached_load(RECORDINGS[name])


def _renamed(recording: Recording) -> Recording:
    """Return a recording whose server says it is of the next release."""
    old = recording.engine_version
    new = {
        path: replace(answer, body=answer.body.replace(old, "0.26.0"))
        for path, answer in recording.answers.items()
    }
    return replace(recording, answers=new)


def _idle_later(recording: Recording, seconds: float) -> Playlist:
    """Return what works so long, and then stands idle at its last page."""
    return Playlist((recording,), loop_mode="hold", plays=_plays(recording, seconds))


def _upgraded(old: Recording, new: Recording, at: float) -> Playlist:
    return Playlist((old, new), plays=_plays(old, at), gap=GAP)


def _plays(recording: Recording, seconds: float) -> int:
    length = recording.pages[-1].time - recording.pages[0].time
    return max(round(seconds / length), 1)
