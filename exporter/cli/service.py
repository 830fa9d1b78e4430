"""The running exporter: poller, pages and web server put together."""

import logging
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

import prometheus_client
import yaml

from ..base.errors import CompareError, ConfigError
from ..base.untrusted import one_line
from ..config import Config
from ..publish.figures import Json
from ..publish.fleet import fleet_report
from ..publish.page import Publisher
from ..publish.server_samples import Samples
from ..sampling.poller import Poller
from ..sampling.view import GpuView, ServerView
from ..web.app import Backend
from ..web.server import WebServer
from .reload_worker import ReloadWorker

if TYPE_CHECKING:
    from .judge.process import JudgeProcess

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# what follows the ? of a path may be a token
_QUERY: Final = re.compile(r"(metrics_path: [^\s?]*\?)[^\s'\"]*")
log = logging.getLogger(__name__)


class Judge(Protocol):
    """What judges upgrades beside the service, and what it has found so far."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""

    def page(self) -> bytes:
        """Return the verdicts as metrics."""

    def report(self) -> Json:
        """Return the verdicts as the fleet API shows them."""

    def html(self) -> str | None:
        """Return the report on the verdicts as HTML, None before there is one."""


class Service:
    """Watches a fleet and serves its pages between `start` and `stop`.

    `read_config` reads the configuration for a reload; it raises `ConfigError`. `judge` judges
    upgrades in place of the one that the configuration asks for.
    """

    def __init__(
        self, config: Config, read_config: Callable[[], Config], judge: Judge | None = None
    ) -> None:
        self._read_config = read_config
        self._given_judge = judge
        self._poller = Poller(config)
        self._publisher = Publisher(config.publish.buckets)
        self._reload_successful = True
        self._reloads = ReloadWorker(self._reload)
        backend = Backend(
            metrics=self.metrics,
            fleet=self.fleet,
            healthy=self._poller.healthy,
            ready=self._poller.ready,
            reload=self.request_reload,
            config=self._config_text,
            report=judge.html if judge else None,
        )
        self._judge = self._judge_of(config)
        self._web = WebServer(backend, config.web.listen, config.web.config_file)

    @property
    def url(self) -> str:
        """Where the status page is."""
        return self._web.url

    def start(self) -> None:
        """Begin to sample and to serve."""
        self._poller.start()
        self._reloads.start()
        if judge := self._active_judge:
            judge.start()
        self._web.start()
        log.info("serving on %s", self.url)

    def stop(self) -> None:
        """End serving and sampling."""
        self._web.close()
        self._reloads.stop()
        if judge := self._active_judge:
            judge.stop()
        self._poller.stop()

    def request_reload(self) -> Future[None]:
        """Ask for a reload of the configuration; at most one runs and one waits.

        Where it is refused, the old one is kept and the future ends with `ConfigError`.
        """
        return self._reloads.request()

    def _reload(self) -> None:
        try:
            config = self._read_config()
            if config.web != self._poller.config.web:
                raise ConfigError("web: a new address or web file needs a restart")
            judge = self._judge_of(config)
            self._poller.reload(config)
            self._publisher = Publisher(config.publish.buckets)
            self._replace_judge(judge)
        except Exception as error:
            self._reload_successful = False
            unforeseen = not isinstance(error, ConfigError)
            log.error("the old configuration is kept: %s", error, exc_info=unforeseen)
            raise
        self._reload_successful = True
        log.info("configuration reloaded")

    @property
    def _active_judge(self) -> "Judge | JudgeProcess | None":
        return self._given_judge or self._judge

    def _judge_of(self, config: Config) -> "JudgeProcess | None":
        """Return what judges upgrades; of several exporters that share the servers the first does.

        Raises `ConfigError` where that cannot be done here.
        """
        if config.judge is None or config.shard.index > 0:
            return None
        from ..compare import extra
        from .judge.process import JudgeProcess

        try:
            extra.require("numpy")
        except CompareError as error:
            raise ConfigError(f"judge: {error}") from None
        return JudgeProcess(config.judge)

    def _replace_judge(self, judge: "JudgeProcess | None") -> None:
        """Go on with another judge, unless its settings are those of the one that runs."""
        before = self._judge
        if before and judge and before.settings == judge.settings:
            return
        if before:
            before.stop()
        if before and judge:
            judge.take_over(before)
        self._judge = judge
        if judge:
            judge.start()

    def server_views(self) -> Sequence[ServerView]:
        """Return every server with its reading of this moment."""
        config, now = self._poller.config, monotonic()
        return [
            ServerView(model, reading, reading.fresh(now, config.interval, config.timeout), now)
            for server in self._poller.servers()
            for model in server.models
            for reading in (model.reading,)
        ]

    def gpu_view(self) -> GpuView:
        """Return the GPUs that are fresh at this moment, and the state of their sources."""
        telemetry = self._poller.telemetry
        return GpuView(telemetry.inventory.gpus, telemetry.sources(monotonic()))

    def metrics(self) -> Iterator[bytes]:
        """Yield the metrics page in blocks, the exporter's own process at its end."""
        views = self.server_views()
        own = {
            "targets": float(len(views)),
            "discovery_problems": float(len(self._poller.problems())),
            "config_last_reload_successful": float(self._reload_successful),
            "config_last_reload_success_timestamp_seconds": self._poller.loaded_at,
            "web_connections": float(self._web.connections),
        }
        exporter: dict[str, Samples] = {name: [((), value)] for name, value in own.items()}
        exporter["discovered_targets"] = [
            ((("source", one_line(place)),), float(count))
            for place, count in self._poller.discovered_targets().items()
        ]
        exporter["web_failures_total"] = [
            ((("reason", reason),), float(count))
            for reason, count in self._web.failures.counts.items()
        ]
        shard = self._poller.config.shard
        if shard.total > 1:
            exporter["shards"] = [((("shard", str(shard.index)),), float(shard.total))]
        yield from self._publisher.blocks(views, exporter, self.gpu_view())
        if judge := self._active_judge:
            yield judge.page()
        yield prometheus_client.generate_latest()

    def fleet(self) -> Json:
        """Return the fleet as the API shows it."""
        config = self._poller.config
        problems = [*self._poller.problems(), *self._poller.telemetry.problems()]
        gpus = self._poller.telemetry.inventory.gpus
        report = fleet_report(self.server_views(), problems, config.interval, config.window, gpus)
        # null where this exporter does not judge
        no_verdicts = {"judged_at": None, "verdicts": None}
        judge = self._active_judge
        return report | (judge.report() if judge else no_verdicts)

    def _config_text(self) -> str:
        data = self._poller.config.model_dump(mode="json", exclude_defaults=True)
        return _QUERY.sub(r"\1...", yaml.safe_dump(data, sort_keys=False))


def serve(config: Config, read_config: Callable[[], Config]) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
    # Waited for and not handled: a handler whose signal comes just as the main thread falls asleep
    # would run with the next signal only.
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        service = Service(config, read_config)
        service.start()
        while signal.sigwait(_SIGNALS) == signal.SIGHUP:
            service.request_reload()
        service.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
