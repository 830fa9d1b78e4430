"""The watched fleet: every server's newest reading, its rolling window and its peaks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic, time

from ..base.units import format_duration
from ..config import Config
from ..derive.counters.limits import ServerLimits
from ..derive.figure import number_of
from ..gpu.reading import GpuReading
from ..publish.figures import Json
from ..publish.fleet import fleet_report, server_report
from ..sampling.reading import ServerReading
from ..sampling.served_identity import describe
from ..sampling.served_model import ServedModel
from ..sampling.view import ServerView
from .detail import Detail, as_json, detail
from .statistics.goodput import Objectives
from .statistics.peaks import Peaks
from .statistics.rolling import RollingWindow

ObjectivesOf = Callable[[str], Objectives]
"""The objectives of a model, by its name; that may be empty."""


@dataclass(slots=True)
class ServerWatch:
    """Follows one server from reading to reading.

    `reading` is the newest that was live: what is shown, and stays where the server is down.
    """

    server: ServedModel
    window: RollingWindow
    reading: ServerReading = field(default_factory=ServerReading)
    peaks: Peaks = field(default_factory=Peaks)
    limits: ServerLimits = field(default_factory=ServerLimits)
    live: bool = False
    loading: bool = False
    _restarts: int = 0

    @property
    def label(self) -> str:
        """The name of the server."""
        return self.server.target.label

    @property
    def model(self) -> str:
        """The model's name, empty while unknown."""
        identity, snapshot = self.reading.identity, self.reading.snapshot
        named = identity.text("model") if identity else ""
        return named or (snapshot.plan.model if snapshot else "")

    @property
    def status(self) -> str:
        """How the server is now, in one sentence."""
        if self.live:
            return f"live, over the last {format_duration(self.window.seconds)}"
        state = "has not answered yet" if self.loading else "down"
        error = self.server.reading.error
        before = "; the figures are from before" if self.reading.snapshot else ""
        return f"{state}{before}: {error}" if error else f"{state}{before}"

    def update(self, now: float, config: Config) -> None:
        """Take the newest reading; where it is not live, what was known before stays."""
        reading = self.server.reading
        self.live = reading.fresh(now, config.interval, config.timeout)
        self.loading = self.server.loading(now)
        if not self.live:
            return
        last, snapshot = self.reading.snapshot, reading.snapshot
        identity = reading.identity
        if identity is not self.reading.identity:
            self.limits = describe(identity).limits if identity else ServerLimits()
        self.reading = reading
        if snapshot is None or snapshot is last:
            return
        self.window.add(snapshot, self.limits)
        if self.server.restarts != self._restarts:
            self._restarts, self.peaks = self.server.restarts, Peaks()
        # time in which nothing was seen is not time without requests
        seconds = snapshot.time - last.time if last and self.window.seconds else 0.0
        budget = number_of(reading.figures.get("token_budget_ratio"))
        self.peaks = self.peaks.after(snapshot, seconds, budget)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the watched servers, their GPUs (by UUID) and what is wrong with either come from."""

    servers: Callable[[], Sequence[ServedModel]]
    gpus: Callable[[], Mapping[str, GpuReading]]
    problems: Callable[[], Sequence[str]]


class FleetWatch:
    """Follows the servers of a fleet; `update` is to be called at least once an interval.

    Between two calls nothing changes. `objectives` gives those of a model by its name.
    """

    def __init__(self, config: Config, fleet: Fleet, objectives: ObjectivesOf) -> None:
        self.config = config
        self._fleet = fleet
        self._objectives = objectives
        self._watches: dict[ServedModel, ServerWatch] = {}

    def update(self) -> None:
        """Take the newest reading of every server."""
        now, before = monotonic(), self._watches
        self._watches = {
            model: before.get(model) or ServerWatch(model, RollingWindow(self.config.window))
            for model in self._fleet.servers()
        }
        for watch in self._watches.values():
            watch.update(now, self.config)

    @property
    def watches(self) -> Sequence[ServerWatch]:
        """Every server, in the order of the fleet."""
        return list(self._watches.values())

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with discovery and with GPU telemetry, one sentence each."""
        return self._fleet.problems()

    def detail(self, watch: ServerWatch) -> Detail:
        """Return what is known of a server beside its figures."""
        return detail(
            watch.window,
            watch.peaks,
            watch.reading,
            watch.limits,
            self._objectives(watch.model),
            time(),
        )

    def report(self, watch: ServerWatch) -> Json:
        """Return a server's last live reading as `probe` shows it."""
        view = ServerView(watch.server, watch.reading, True, monotonic())
        return server_report(view, self._fleet.gpus())

    def document(self) -> Json:
        """Return the whole fleet; a server that is down has neither figures nor detail."""
        now, config, watches = monotonic(), self.config, self.watches
        views = [
            ServerView(w.server, w.reading if w.live else w.server.reading, w.live, now)
            for w in watches
        ]
        fleet = fleet_report(
            views, self.problems, config.interval, config.window, self._fleet.gpus()
        )
        servers = fleet["servers"]
        assert isinstance(servers, list)
        for watch, server in zip(watches, servers, strict=True):
            server["detail"] = as_json(self.detail(watch)) if server["up"] else None
        return fleet
