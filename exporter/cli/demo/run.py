"""Plays and watches the demonstration's fleet, until it is interrupted or for some seconds.

Every server plays back on loopback what one on an NVIDIA H200 said. The exporter watches them like
any fleet; the terminal shows what the status page shows, and both the verdict on the upgrade.
"""

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live

from ...config import (
    Config,
    Declaration,
    GpuPageSettings,
    GpuSettings,
    LoadCellSettings,
    Target,
    WebSettings,
)
from ...publish.figures import Json
from ...replay.server import ReplayServer
from ..service import Service
from .fleet import RUNNER, RecordedFleet, recorded_fleet
from .judge import RecordedJudge
from .screen import fitting_screen, introduction, screen
from .tables import all_run

# a server up for longer than the warm-up in which upgrades are not judged
_UPTIME: Final = 7200.0
_INTERVAL: Final = 2.0
_LIVE_EVERY: Final = 1.0
_PLAIN_EVERY: Final = 10.0
_FIRST: Final = 6.0
_WIDTH: Final = 120


def run(listen: str, seconds: float | None) -> None:
    """Play and watch until interrupted, or for some seconds; raises `ConfigError` as `serve`."""
    fleet = recorded_fleet()
    judge = RecordedJudge(fleet.baseline, fleet.candidate, f"runner {RUNNER}")
    with ReplayServer(list(fleet.playlists.values()), uptime=_UPTIME) as servers:
        config = config_of(fleet, servers, listen, _INTERVAL)
        service = Service(config, lambda: config, judge)
        service.start()
        console = Console(emoji=False)
        if not console.is_terminal:
            console = Console(emoji=False, width=_WIDTH)
        try:
            _show(service, judge, fleet, console, seconds)
        finally:
            service.stop()


def config_of(fleet: RecordedFleet, servers: ReplayServer, listen: str, interval: float) -> Config:
    """Return the configuration that watches a fleet's replayed servers every `interval` seconds."""
    targets = [
        Target(url=url, name=name, declare=Declaration(gpu_uuids=(uuid,)))
        for name, url, uuid in zip(fleet.playlists, servers.urls, servers.gpu_uuids, strict=True)
    ]
    pages = [GpuPageSettings(url=f"{url}/gpu/metrics") for url in servers.urls]
    return Config(
        targets=targets,
        interval=interval,
        timeout=1.9,
        window=20,
        gpu=GpuSettings(nvml=False, pages=pages, pages_interval=_INTERVAL),
        # nobody waits ten minutes for an upgraded server's work
        load=LoadCellSettings(warm_up=0.0),
        web=WebSettings(listen=listen),
    )


def _show(
    service: Service,
    judge: RecordedJudge,
    fleet: RecordedFleet,
    console: Console,
    seconds: float | None,
) -> None:
    console.print(introduction(service.url, len(fleet.playlists), len(fleet.upgraded)))
    try:
        _watch(service, judge, fleet, console, seconds)
    finally:
        # also for who ends it by Ctrl-C
        if judge.verdicts.comparisons:
            console.print(f"The same without the demo: {judge.command}", soft_wrap=True)


def _watch(
    service: Service,
    judge: RecordedJudge,
    fleet: RecordedFleet,
    console: Console,
    seconds: float | None,
) -> None:
    if not console.is_terminal:
        for report in _reports(service, judge, fleet, _PLAIN_EVERY, seconds):
            console.print(screen(report, service.url, console.width))
        return
    with Live(console=console, auto_refresh=False) as live:
        whole: RenderableType = ""
        try:
            for report in _reports(service, judge, fleet, _LIVE_EVERY, seconds):
                live.update(fitting_screen(report, service.url, console), refresh=True)
                whole = screen(report, service.url, console.width)
        finally:
            # what stays can be scrolled
            live.update(whole)


def _reports(
    service: Service,
    judge: RecordedJudge,
    fleet: RecordedFleet,
    every: float,
    seconds: float | None,
) -> Iterator[Json]:
    """Yield the fleet as it stands, and have the runs compared once the upgrade is through."""
    start = monotonic()
    pause = min(every, _FIRST)
    while seconds is None or monotonic() - start < seconds:
        left = pause if seconds is None else seconds - (monotonic() - start)
        sleep(max(min(pause, left), 0.0))
        pause = every
        report = service.fleet()
        if all_run(report, fleet.upgraded, RUNNER):
            judge.compare()
        yield report
