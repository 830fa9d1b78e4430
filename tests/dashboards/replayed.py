"""A replayed fleet under upgrade, seen by the exporter: its published pages over a made-up hour.

Six servers and two releases: recorded H200 servers, two of which are upgraded and one of which goes
down, an SGLang server, and a vLLM server whose written page has the features no recording has.
Nothing waits: the exporter's clock is moved by hand, and no socket is opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from unittest.mock import patch

from exporter.config import Config, Declared, Target
from exporter.errors import FetchError
from exporter.fetch import Answer, Client
from exporter.publish import Publisher, Shown
from exporter.replay.playlist import Player, Playlist
from exporter.replay.recording import Recording
from exporter.server import Server
from tests.conftest import RECORDINGS, cached_load
from tests.dashboards import features, telemetry

EPOCH = 1_768_478_400.0
INSTANCE = "exporter:10190"
# the server is gone for longer than Prometheus looks back, as a real restart takes
GAP = 120.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How long is played, in seconds; how often it is sampled, and when the upgrade comes."""

    seconds: float = 3600.0
    step: float = 30.0
    upgrade: float = 1500.0


class Clock:
    """Seconds since the fleet was switched on."""

    now = 0.0

    def monotonic(self) -> float:
        """Return the time the exporter measures with; it never starts at 0."""
        return 1e6 + self.now

    def unix(self) -> float:
        """Return the time of day."""
        return EPOCH + self.now


class Wire(Client):
    """Answers as the servers would at the clock's time."""

    def __init__(self, clock: Clock, players: dict[str, Player]) -> None:
        super().__init__(Config().http, 1, 1 << 24)
        self._clock, self._players = clock, players

    def get(self, url: str, timeout: float) -> Answer:
        """Return a recorded answer, or raise `FetchError` while the server is down."""
        host, _, path = url.removeprefix("http://").partition("/")
        if host == features.HOST:
            return Answer(features.answer(f"/{path}", self._clock.now), "text/plain")
        scene = self._players[host].at(self._clock.now)
        if scene is None:
            raise FetchError("connect", f"{url} cannot be reached")
        if path == "metrics":
            return Answer(scene.metrics(EPOCH), scene.content_type)
        found = scene.track.recording.answers.get(f"/{path}")
        if found is None or found.status != 200:
            raise FetchError("http_status", f"{url} answered 404")
        return Answer(found.body.encode(), found.content_type)


def pages(shape: Shape) -> Iterator[tuple[float, str]]:
    """Yield Unix time and text of each page the exporter publishes, GPU telemetry included."""
    clock, publisher = Clock(), Publisher()
    players = {name: Player(one, age=7200.0) for name, one in _playlists(shape).items()}
    wire = Wire(clock, players)
    config = Config(interval=shape.step, timeout=5, window=4 * shape.step)
    with (
        patch("exporter.server.monotonic", clock.monotonic),
        patch("exporter.server.time", clock.unix),
    ):
        servers = [Server(_target(name), wire, config) for name in (*players, features.HOST)]
        while clock.now < shape.seconds:
            yield clock.unix(), _page(servers, publisher, clock, config)
            clock.now += shape.step


def _page(servers: list[Server], publisher: Publisher, clock: Clock, config: Config) -> str:
    shown = []
    for server in servers:
        server.sample()
        if server.reading.misses == 0:
            server.identify()
        now = clock.monotonic()
        live = server.reading.fresh(now, config.interval, config.timeout)
        shown.append(Shown(server, server.reading, live, now))
    own = {
        "targets": float(len(servers)),
        "discovery_problems": 0.0,
        "config_last_reload_successful": 1.0,
        "config_last_reload_success_timestamp_seconds": EPOCH,
    }
    return publisher.page(shown, own).decode() + telemetry.page(clock.now)


def _target(name: str) -> Target:
    declare = Declared(gpu_model="NVIDIA H200", gpus=1)
    return Target(url=f"http://{name}", name=name, declare=declare)


def _playlists(shape: Shape) -> dict[str, Playlist]:
    dense_old, dense_new = _of("vllm-dense-0.20.2-mrv1"), _of("vllm-dense-0.26.0")
    moe = _of("vllm-moe-0.20.2-mrv1")
    return {
        "dense-a": _upgraded(dense_old, dense_new, shape.upgrade),
        "dense-b": _upgraded(dense_old, dense_new, shape.upgrade + 600.0),
        "dense-c": Playlist((dense_old,)),
        "moe-a": _upgraded(moe, _renamed(moe), shape.upgrade + 300.0),
        "sglang-a": Playlist((_of("sglang-0.5.23-basic-cpu"),)),
    }


def _of(name: str) -> Recording:
    return cached_load(RECORDINGS[name])


def _renamed(recording: Recording) -> Recording:
    """Return a recording whose server says it is of the next release."""
    old = recording.engine_version
    new = {
        path: replace(answer, body=answer.body.replace(old, "0.26.0"))
        for path, answer in recording.answers.items()
    }
    return replace(recording, answers=new)


def _upgraded(old: Recording, new: Recording, at: float) -> Playlist:
    length = old.pages[-1].time - old.pages[0].time
    return Playlist((old, new), plays=max(round(at / length), 1), gap=GAP)
