"""What one model behind a target does: its pages become a reading, and its identity is kept.

A target is nearly always a server of one model. A page of several (of a Ray node, a gateway, a
federation) has one of these for each, and each is a server in its own right to everything that
shows it.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic, time
from typing import Final

from ..base.untrusted import one_line
from ..config import Config, Target
from ..derive.counters.latency_sums import LatencySums
from ..derive.figure import Figures, number_of
from ..derive.figures import engine_figures, figures, read_figure
from ..derive.interval import between
from ..derive.meter import Meter
from ..derive.summary import ServerLimits
from ..derive.window import Window, on_hold
from ..discovery.pod import PodTarget
from ..engines.catalog import PageContext
from ..engines.identity import identify
from ..engines.plan import Plan, Snapshot
from ..gpu.telemetry import Telemetry
from ..procfs.port_holder import PortHolder
from .endpoint_answers import EndpointAnswers
from .reading import STALE_AFTER_MISSES, SampleCounts, ServerReading
from .served_identity import UNKNOWN, ServedIdentity
from .server_gpus import ServerGpus
from .stall_watch import Get, Post, StallWatch

log = logging.getLogger(__name__)

_HISTORY: Final = 120
_CHARTED: Final = "generation_tokens_per_second_per_gpu"


class ServedModel:
    """Follows one model of a target over its life.

    `target` is the target itself where it has one model, else a copy under a name that holds the
    model's. `counts` are those of the target's samples. `reading`, `history`,
    `identity.last` and `identity.faults` are for any thread.
    """

    def __init__(
        self,
        target: Target,
        config: Config,
        counts: SampleCounts,
        get: Get,
        post: Post,
        telemetry: Telemetry | None,
        model: str = "",
        patient: bool = True,
    ) -> None:
        self.target = target
        self.counts = counts
        self.reading = ServerReading()
        self.restarts = 0
        self.history: deque[tuple[float, float]] = deque(maxlen=_HISTORY)
        self.gpus = ServerGpus(target, telemetry, patient)
        self._model = model
        self._config = config
        self._watched_since = monotonic()
        self._window = Window(config.window)
        self._engine_windows: dict[str, Window] = {}
        # as long as a reading stays fresh: one missed sample is bridged, two are not
        longest = STALE_AFTER_MISSES * config.interval + config.timeout
        self._meter = Meter(config.load.warm_up, longest, config.load.max_cells)
        self._latency_sums = LatencySums()
        self._stall_watch = StallWatch(get, post, config)
        self._plan: Plan | None = None
        self.identity = ServedIdentity(patient)
        self._logged_release: str | None = None

    @property
    def context(self) -> PageContext:
        """What is known of the server that decides how its page is read."""
        return self.identity.described(self.identity.current).context

    def loading(self, now: float) -> bool:
        """Whether the server has never answered yet, and not for too long (`now`: monotonic s)."""
        since = now - self._watched_since
        return self.reading.time is None and since < self._config.loading_timeout

    def miss(self, reason: str, error: str, duration: float) -> None:
        """Take that a sample failed."""
        before = self.reading
        misses = before.misses + 1
        if reason != before.reason:
            log.warning("%s: %s", self.target.label, error)
        if misses == STALE_AFTER_MISSES:
            self._reset()
        self.reading = replace(before, misses=misses, error=error, reason=reason, duration=duration)

    async def update(self, snapshot: Snapshot, duration: float, size: int, samples: int) -> None:
        """Replace the reading by that of a page just read."""
        if self.reading.misses:
            log.info("%s answers again", self.target.label)
        if self._plan is not None and self._plan.key != snapshot.plan.key:
            # a source that spoke of one engine need not speak of the others
            self._forget_identity()
        self._plan = snapshot.plan
        snapshot = self._latency_sums.corrected(snapshot, time())
        before, last = self.reading.snapshot, self._window.last
        if last is not None and on_hold(last, snapshot) and self.reading.snapshot is not None:
            self.reading = replace(
                self.reading, time=snapshot.time, misses=0, error="", reason="", duration=duration
            )
            return
        identity = self.gpus.identity_with_gpus(self.identity.current)
        self.identity.last = identity or self.identity.last
        described = self.identity.described(identity)
        limits, labels = described.limits, described.labels
        energy = self.gpus.energy_use(identity, last.time, snapshot.time) if last else None
        if self.gpus.link and self.gpus.link.shared:
            # what was measured before others were seen on the GPU was theirs too
            self._window.forget_energy()
            self._meter.forget_young_energy(snapshot.time)
        if last is None:
            restarted = before is not None and between(before, snapshot) is None
        else:
            restarted = self._window.add(snapshot, energy, limits)
        if restarted:
            self.restarts += 1
            log.info("%s restarted: its counters or start time say so", self.target.label)
            self._reset()
            last = identity = None
            limits = UNKNOWN.limits
        elif engines := self._restarted_engines():
            self.restarts += len(engines)
            log.info("%s: engine %s restarted", self.target.label, ", ".join(engines))
            # another process may be another release
            self.identity.expire()
        if self._window.last is not snapshot:
            self._window.add(snapshot)
        joules = energy.joules if energy and energy.fine and not restarted else None
        if identity is None or described.context != snapshot.plan.context:
            # the release is unknown, or about to change
            labels = None
        interval = self._window.newest if last is not None else None
        self._meter.add(snapshot, time(), labels, limits.gpus, joules, limits, interval)
        self._log_unknown_names(snapshot.plan)
        self.reading = ServerReading(
            time=snapshot.time,
            duration=duration,
            page_bytes=size,
            page_samples=samples,
            snapshot=snapshot,
            identity=identity,
            figures=figures(self._window, limits),
            engine_figures=self._engine_figures(snapshot, limits),
            load=self._meter.load,
            latency_faults=dict(self._latency_sums.faults),
            stalls=await self._stall_watch.update(last, snapshot),
            link=self.gpus.link,
            gpu_problem=self.gpus.problem,
        )
        rate = number_of(read_figure(_CHARTED, self._window, limits))
        if rate is not None:
            self.history.append((time(), rate))

    def _engine_figures(self, snapshot: Snapshot, limits: ServerLimits) -> Mapping[str, Figures]:
        """Return the figures of each engine, nothing where there is one alone."""
        engines = snapshot.plan.engines or ()
        if len(engines) < 2:
            self._engine_windows = {}
            return {}
        self._engine_windows = {
            engine: self._engine_windows.get(engine, Window(self._config.window, engine))
            for engine in engines
        }
        for window in self._engine_windows.values():
            window.add(snapshot, limits=limits, server_interval=self._window.newest)
        return {
            engine: engine_figures(window, limits)
            for engine, window in self._engine_windows.items()
        }

    def _restarted_engines(self) -> list[str]:
        """Return the engines that restarted in the newest interval, while others went on."""
        newest = self._window.newest
        engines = newest.engines.items() if newest else ()
        return [name for name, engine in engines if engine == "restart"]

    def _reset(self) -> None:
        """Drop what belonged to the process before: the windows and the identity."""
        self._window.clear()
        self._engine_windows = {}
        self._stall_watch.reset()
        self._forget_identity()

    def _forget_identity(self) -> None:
        self.identity.forget()
        self.gpus.reset()

    def _log_unknown_names(self, current: Plan) -> None:
        names = current.unknown_names
        if names and current.version != self._logged_release:
            self._logged_release = current.version
            log.info(
                "%s has %d metric names this release does not know: %s",
                self.target.label,
                len(names),
                ", ".join(map(one_line, names[:5])),
            )

    def identity_due(self, now: float) -> bool:
        """Whether the identity is to be read again; a page must have come first."""
        come = self._plan is not None and self.reading.misses == 0
        return come and self.identity.due(now, self._config.identity_refresh)

    def identify(
        self,
        answers: EndpointAnswers,
        holder: PortHolder | None,
        command_line: Sequence[str] | None,
        ray: bool,
        resets: int,
    ) -> None:
        """Work out the identity from what endpoints answered; safe beside `update`.

        `holder` is the process that holds the target's port and `command_line` its own, `ray` says
        whether it leaves its workers to Ray, `resets` is what this had when the answers were
        requested: those from before a restart that `update` has seen since are dropped.
        """
        current = self._plan
        if current is None:
            return
        identity = identify(
            current.engine,
            answers.get,
            current.page_settings,
            command_line,
            self.target.declare,
            self._model or current.model or None,
            self.target.container if isinstance(self.target, PodTarget) else None,
            one_of_models=bool(self._model),
            one_of_engines=bool(current.key),
        )
        if self.identity.resets != resets:
            return
        if not self._model:
            # the process runs all models of the page: which GPUs are whose is unknown
            self.gpus.process = holder
            self.gpus.ray_backend = ray
        self.identity.take(identity, answers.complete)
        self.identity.faults = answers.faults
