"""One watched server: its pages in, its latest reading out."""

import logging
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic, time
from typing import Final
from urllib.parse import urlsplit

from ..config import Config, Target
from ..derive.figure import Figures, number_of
from ..derive.figures import figures
from ..derive.interval import between
from ..derive.meter import Load, Meter
from ..derive.stall import stall_starts, stalled_ranks
from ..derive.summary import ServerLimits
from ..derive.window import Window
from ..discovery.container import PodTarget
from ..engines import detect, plan
from ..engines.identity import Identity, identify
from ..engines.plan import Labels, Plan, Snapshot
from ..engines.process import server_process
from ..engines.registry import ENGINES
from ..errors import FetchError, NoEngineError, PageError
from ..exposition import Layout, Page, Reader
from ..fetch import HttpClient, HttpResponse
from ..gpu.attribution import Link
from ..gpu.telemetry import Telemetry
from .server_gpus import Gpus

log = logging.getLogger(__name__)

STALE_AFTER_MISSES: Final = 2
_HISTORY: Final = 120
_CHARTED: Final = "generation_tokens_per_second_per_gpu"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a server after its latest sample; replaced whole, never changed.

    `time` is when the last good page came (monotonic seconds, None before the first); `error`
    and `reason` tell why the samples since then failed, `misses` how many of them did. `link` names
    the GPUs under the server, where telemetry ties any to it.
    """

    time: float | None = None
    misses: int = 0
    error: str = ""
    reason: str = ""
    duration: float = 0.0
    page_bytes: int = 0
    page_samples: int = 0
    snapshot: Snapshot | None = None
    identity: Identity | None = None
    figures: Figures = field(default_factory=dict)
    load: Load = field(default_factory=Load)
    stalled: frozenset[str] = frozenset()
    link: Link | None = None

    def fresh(self, now: float, interval: float, timeout: float) -> bool:
        """Whether the data may be shown as live: fewer than two samples missed."""
        return (
            self.time is not None
            and self.misses < STALE_AFTER_MISSES
            and now - self.time <= STALE_AFTER_MISSES * interval + timeout
        )


@dataclass(slots=True)
class Counts:
    """Samples taken, failed (by reason) and skipped because the one before had not ended."""

    scrapes: int = 0
    skipped: int = 0
    restarts: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class Server:
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
        self.reading = Reading()
        self.counts = Counts()
        self.history: deque[tuple[float, float]] = deque(maxlen=_HISTORY)
        self.busy = False
        self.gone = False
        self._client = client
        self._config = config
        self._reader = Reader(detect.wanted, config.limits.parser_limits())
        self._window = Window(config.window)
        # as long as a reading stays fresh: one missed sample is bridged, two are not
        longest = STALE_AFTER_MISSES * config.interval + config.timeout
        self._meter = Meter(config.load.warm_up, longest, config.load.max_cells)
        self._layout: Layout | None = None
        self._plan: Plan | None = None
        self._since: Mapping[str, float] = {}
        self._identity: Identity | None = None
        self._identity_read = float("-inf")
        self._life = 0
        self._gpus = Gpus(target, telemetry)
        self._told = frozenset[str]()

    def sample(self) -> None:
        """Read the server once and replace `reading`; never raises."""
        self.counts.scrapes += 1
        start = monotonic()
        try:
            answer = self._client.get(
                self.target.url + self.target.metrics_path, self._config.timeout
            )
            received = monotonic()
            page = self._reader.read(_text(answer), answer.openmetrics)
            snapshot = self._current_plan(page).apply(page, received)
            self._took(snapshot, received - start, len(answer.body), len(page.values))
        except FetchError as error:
            self._missed(error.reason, str(error), monotonic() - start)
        except PageError as error:
            reason = "no_engine" if isinstance(error, NoEngineError) else "page_refused"
            where = f"{self.target.url}{self.target.metrics_path}: {error}"
            if answer.content_type.startswith("text/html"):
                where += "; this is a web page: correct the address or its path"
            self._missed(reason, where, monotonic() - start)
        except Exception as error:
            log.exception("sampling %s failed", self.target.label)
            self._missed("internal", f"the exporter failed: {error!r}", monotonic() - start)

    def _missed(self, reason: str, error: str, duration: float) -> None:
        before = self.reading
        misses = before.misses + 1
        self.counts.failures[reason] += 1
        if reason != before.reason:
            log.warning("%s: %s", self.target.label, error)
        if misses == STALE_AFTER_MISSES:
            self._begin_anew()
        self.reading = replace(before, misses=misses, error=error, reason=reason, duration=duration)

    def _took(self, snapshot: Snapshot, duration: float, size: int, samples: int) -> None:
        if self.reading.misses:
            log.info("%s answers again", self.target.label)
        before, last = self.reading.snapshot, self._window.last
        identity = self._gpus.join(self._identity)
        drawn = self._gpus.energy_use(identity, last.time, snapshot.time) if last else None
        if last is None:
            restarted = before is not None and between(before, snapshot) is None
        else:
            restarted = self._window.add(snapshot, drawn)
        if restarted:
            self.counts.restarts += 1
            log.info("%s began anew: its counters or start time say so", self.target.label)
            self._begin_anew()
            last = identity = None
        if self._window.last is not snapshot:
            self._window.add(snapshot)
        self._since = stall_starts(self._since, last, snapshot)
        limits = limits_of(identity)
        derived = figures(self._window, limits)
        fine = drawn.joules if drawn and drawn.fine and not restarted else None
        who = _release(identity, snapshot.plan)
        self._meter.add(snapshot, time(), who, limits.gpus, fine)
        self._tell_unknown_names(snapshot.plan)
        self.reading = Reading(
            time=snapshot.time,
            duration=duration,
            page_bytes=size,
            page_samples=samples,
            snapshot=snapshot,
            identity=identity,
            figures=derived,
            load=self._meter.load,
            stalled=self._stalled(snapshot),
            link=self._gpus.link,
        )
        rate = number_of(derived.get(_CHARTED))
        if rate is not None:
            self.history.append((time(), rate))

    def leave(self) -> None:
        """End: it is watched no longer. Its connections are closed, or pods gone would pile up."""
        self.gone = True
        self._client.close()

    def _current_plan(self, page: Page) -> Plan:
        version = self._identity.text("version") if self._identity else ""
        held = self._plan
        if held is None or page.layout is not self._layout or held.version != version:
            namespace = detect.detect(page.layout)
            held = plan.make(page.layout, namespace, version)
            self._plan, self._layout = held, page.layout
        return held

    def _stalled(self, snapshot: Snapshot) -> frozenset[str]:
        engines = stalled_ranks(self._since, snapshot.time, self._config.stall_after)
        if not engines:
            return engines
        try:
            path = ENGINES[snapshot.plan.engine].health_path
            self._client.get(self.target.url + path, self._config.timeout)
        except FetchError:
            return frozenset()
        return engines

    def _begin_anew(self) -> None:
        """Drop what belonged to an earlier life: the window and who the server said it was."""
        self._life += 1
        self._window.clear()
        self._since = {}
        self._identity = None
        self._identity_read = float("-inf")
        self._gpus.begin_anew()

    def _tell_unknown_names(self, current: Plan) -> None:
        news = frozenset(current.unknown_names) - self._told
        if news:
            self._told |= news
            log.info(
                "%s has %d metric names this release does not know: %s",
                self.target.label,
                len(news),
                ", ".join(sorted(news)[:5]),
            )

    def identity_due(self, now: float) -> bool:
        """Whether it is time to ask the server again who it is; a page must have come first."""
        return (
            self._plan is not None
            and self.reading.misses == 0
            and now - self._identity_read >= self._config.identity_refresh
        )

    def mark_identifying(self) -> None:
        """Note that the server is being asked, so that it is not asked twice at once."""
        self._identity_read = monotonic()

    def identify(self) -> None:
        """Ask the server who it is; safe beside `sample`. The answer of an earlier life is lost."""
        life, current = self._life, self._plan
        if current is None:
            return
        address = urlsplit(self.target.url)
        port = address.port or (443 if address.scheme == "https" else 80)
        process = server_process(port) if self.target.is_local else None
        identity = identify(
            current.engine,
            lambda path: self._client.get(self.target.url + path, self._config.timeout).body,
            current.page_settings,
            process.command_line if process else None,
            self.target.declare,
            current.model or None,
            self.target.container if isinstance(self.target, PodTarget) else None,
        )
        if self._life == life:
            self._gpus.pid = process.pid if process else None
        held = self._identity
        if self._life != life or (held and held.facts.keys() - identity.facts.keys()):
            # an endpoint that fails for once must not make a server look like another one
            return
        self._identity = identity


def _release(identity: Identity | None, current: Plan) -> Labels | None:
    """Return what load cells are labelled with, None while it is not known or about to change."""
    if identity is None or not identity.release or identity.text("version") != current.version:
        return None
    return (
        ("engine", identity.engine),
        ("release", identity.release),
        ("model", identity.text("model")),
        ("gpu_model", identity.text("gpu_model")),
        ("class", identity.server_class),
    )


def limits_of(identity: Identity | None) -> ServerLimits:
    """Return a server's limits as its identity tells them."""
    if identity is None:
        return ServerLimits()
    return ServerLimits(
        identity.number("max_num_seqs"),
        identity.number("max_num_batched_tokens"),
        identity.number("gpus"),
    )


def _text(answer: HttpResponse) -> str:
    try:
        return answer.body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = answer.body.count(b"\n", 0, error.start) + 1
        raise PageError(line, "the page is not UTF-8 text") from error
