"""One watched server: it is sampled and identified, and keeps its latest reading."""

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic, time
from typing import Final
from urllib.parse import urlsplit

from ..config import Config, Target
from ..derive.figure import number_of
from ..derive.figures import figures
from ..derive.interval import between
from ..derive.meter import Meter
from ..derive.stall import stall_starts, stalled_ranks
from ..derive.summary import ServerLimits
from ..derive.window import Window
from ..discovery.pod import PodTarget
from ..engines import detect, plan
from ..engines.catalog import PageContext
from ..engines.identity import Identity, identify
from ..engines.plan import Labels, Plan, Snapshot
from ..engines.process import engine_command_line
from ..engines.registry import ENGINES
from ..errors import FetchError, NoEngineError, PageError
from ..exposition import Layout, Page, Reader
from ..fetch import HttpClient, HttpResponse
from ..gpu.telemetry import Telemetry
from ..procfs.port_holder import port_holder
from .ray_page import ray_page, starts_ray_workers
from .reading import STALE_AFTER_MISSES, SampleCounts, ServerReading
from .server_gpus import ServerGpus

log = logging.getLogger(__name__)

_HISTORY: Final = 120
_CHARTED: Final = "generation_tokens_per_second_per_gpu"


class WatchedServer:
    """Samples one target, over a `client` of its own.

    `sample` is called by one thread at a time; `reading` by any.
    """

    def __init__(
        self,
        target: Target,
        client: HttpClient,
        config: Config,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.target = target
        self.reading = ServerReading()
        self.counts = SampleCounts()
        self.history: deque[tuple[float, float]] = deque(maxlen=_HISTORY)
        self.busy = False
        self.closed = False
        self._client = client
        self._config = config
        self._reader = Reader(detect.wanted, config.limits.parser_limits())
        self._window = Window(config.window)
        # as long as a reading stays fresh: one missed sample is bridged, two are not
        longest = STALE_AFTER_MISSES * config.interval + config.timeout
        self._meter = Meter(config.load.warm_up, longest, config.load.max_cells)
        self._layout: Layout | None = None
        self._plan: Plan | None = None
        self._stall_starts: Mapping[str, float] = {}
        self._identity: Identity | None = None
        self._identity_time = float("-inf")
        self._restarts = 0
        self._gpus = ServerGpus(target, telemetry)
        self._logged_names = frozenset[str]()

    def sample(self) -> None:
        """Read the server once and replace `reading`; never raises."""
        self.counts.scrapes += 1
        start = monotonic()
        try:
            response = self._client.get(
                self.target.url + self.target.metrics_path, self._config.timeout
            )
            received = monotonic()
            page = self._reader.read(_text(response), response.openmetrics)
            snapshot = self._current_plan(page).apply(page, received)
            self._update(snapshot, received - start, len(response.body), len(page.values))
        except FetchError as error:
            self._fail(error.reason, str(error), monotonic() - start)
        except PageError as error:
            reason = "no_engine" if isinstance(error, NoEngineError) else "page_refused"
            message = f"{self.target.url}{self.target.metrics_path}: {error}"
            if response.content_type.startswith("text/html"):
                message += "; this is a web page: correct the address or its path"
            self._fail(reason, message, monotonic() - start)
        except Exception as error:
            log.exception("sampling %s failed", self.target.label)
            self._fail("internal", f"the exporter failed: {error!r}", monotonic() - start)

    def _fail(self, reason: str, error: str, duration: float) -> None:
        before = self.reading
        misses = before.misses + 1
        self.counts.failures[reason] += 1
        if reason != before.reason:
            log.warning("%s: %s", self.target.label, error)
        if misses == STALE_AFTER_MISSES:
            self._reset()
        self.reading = replace(before, misses=misses, error=error, reason=reason, duration=duration)

    def _update(self, snapshot: Snapshot, duration: float, size: int, samples: int) -> None:
        """Replace the reading by that of a page just read."""
        if self.reading.misses:
            log.info("%s answers again", self.target.label)
        before, last = self.reading.snapshot, self._window.last
        identity = self._gpus.identity_with_gpus(self._identity)
        energy = self._gpus.energy_use(identity, last.time, snapshot.time) if last else None
        if self._gpus.link and self._gpus.link.shared:
            # what was measured before others were seen on the GPU was theirs too
            self._window.forget_energy()
        if last is None:
            restarted = before is not None and between(before, snapshot) is None
        else:
            restarted = self._window.add(snapshot, energy)
        if restarted:
            self.counts.restarts += 1
            log.info("%s restarted: its counters or start time say so", self.target.label)
            self._reset()
            last = identity = None
        if self._window.last is not snapshot:
            self._window.add(snapshot)
        self._stall_starts = stall_starts(self._stall_starts, last, snapshot)
        limits = limits_of(identity)
        values = figures(self._window, limits)
        joules = energy.joules if energy and energy.fine and not restarted else None
        labels = _release_labels(identity, snapshot.plan)
        self._meter.add(snapshot, time(), labels, limits.gpus, joules)
        self._log_unknown_names(snapshot.plan)
        self.reading = ServerReading(
            time=snapshot.time,
            duration=duration,
            page_bytes=size,
            page_samples=samples,
            snapshot=snapshot,
            identity=identity,
            figures=values,
            load=self._meter.load,
            stalled=self._stalled(snapshot),
            link=self._gpus.link,
            gpu_problem=self._gpus.problem,
        )
        rate = number_of(values.get(_CHARTED))
        if rate is not None:
            self.history.append((time(), rate))

    def close(self) -> None:
        """Close the connections: a server watched no longer must not keep any open."""
        self.closed = True
        self._client.close()

    def _current_plan(self, page: Page) -> Plan:
        context = self._identity.page_context() if self._identity else PageContext()
        current = self._plan
        if current is None or page.layout is not self._layout or current.context != context:
            namespace = detect.detect(page.layout)
            current = plan.make(page.layout, namespace, context)
            self._plan, self._layout = current, page.layout
            self._gpus.ray_page = ray_page(page.layout)
        return current

    def _stalled(self, snapshot: Snapshot) -> frozenset[str]:
        ranks = stalled_ranks(self._stall_starts, snapshot.time, self._config.stall_after)
        if not ranks:
            return ranks
        try:
            path = ENGINES[snapshot.plan.engine].health_path
            self._client.get(self.target.url + path, self._config.timeout)
        except FetchError:
            return frozenset()
        return ranks

    def _reset(self) -> None:
        """Drop what belonged to the process before: the window and the identity."""
        self._restarts += 1
        self._window.clear()
        self._stall_starts = {}
        self._identity = None
        self._identity_time = float("-inf")
        self._gpus.reset()

    def _log_unknown_names(self, current: Plan) -> None:
        names = frozenset(current.unknown_names) - self._logged_names
        if names:
            self._logged_names |= names
            log.info(
                "%s has %d metric names this release does not know: %s",
                self.target.label,
                len(names),
                ", ".join(sorted(names)[:5]),
            )

    def identity_due(self, now: float) -> bool:
        """Whether the identity is to be read again; a page must have come first."""
        return (
            self._plan is not None
            and self.reading.misses == 0
            and now - self._identity_time >= self._config.identity_refresh
        )

    def mark_identifying(self) -> None:
        """Note that the identity is being read, so that it is not read twice at once."""
        self._identity_time = monotonic()

    def identify(self) -> None:
        """Read the server's identity; safe beside `sample`.

        An identity read before a restart that `sample` has seen since is dropped.
        """
        restarts, current = self._restarts, self._plan
        if current is None:
            return
        address = urlsplit(self.target.url)
        port = address.port or (443 if address.scheme == "https" else 80)
        holder = port_holder(address.hostname or "", port) if self.target.is_local else None
        line = engine_command_line(holder.pids) if holder and holder.roots else None
        identity = identify(
            current.engine,
            lambda path: self._client.get(self.target.url + path, self._config.timeout).body,
            current.page_settings,
            line,
            self.target.declare,
            current.model or None,
            self.target.container if isinstance(self.target, PodTarget) else None,
        )
        if self._restarts != restarts:
            return
        self._gpus.process = holder
        self._gpus.ray_backend = starts_ray_workers(line or ())
        before = self._identity
        if before and before.facts.keys() - identity.facts.keys():
            # an endpoint that fails for once must not make a server look like another one
            return
        self._identity = identity


def _release_labels(identity: Identity | None, current: Plan) -> Labels | None:
    """Return what load cells are labelled with, None while it is not known or about to change."""
    if identity is None or not identity.release or identity.page_context() != current.context:
        return None
    return (
        ("engine", identity.engine),
        ("release", identity.release),
        ("model", identity.text("model")),
        ("gpu_model", identity.text("gpu_model")),
        ("class", identity.server_class),
    )


def limits_of(identity: Identity | None) -> ServerLimits:
    """Return a server's limits by its identity."""
    if identity is None:
        return ServerLimits()
    return ServerLimits(
        identity.number("max_num_seqs"),
        identity.number("max_num_batched_tokens"),
        identity.number("gpus"),
    )


def _text(response: HttpResponse) -> str:
    try:
        return response.body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = response.body.count(b"\n", 0, error.start) + 1
        raise PageError(line, "the page is not UTF-8 text") from error
