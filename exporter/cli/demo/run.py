"""The main job on real input, with nothing else needed: a replayed fleet under upgrade.

Six servers recorded on an NVIDIA H200 play back on loopback. Two dense ones go from vLLM 0.20.2 to
0.26.0 and one MoE server changes its model runner while you look; the others stay as they were.
The exporter watches them like any fleet. The terminal shows what the status page shows.
"""

from dataclasses import replace
from time import monotonic, sleep
from typing import Final

from rich.console import Console, Group, RenderableType
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
from ...replay.playlist import Playlist
from ...replay.recording import Recording, bundled_recordings, load_recording
from ...replay.server import ReplayServer
from ..service import Service
from .tables import release_table, server_table

# a server up for longer than the warm-up in which upgrades are not judged
_UPTIME: Final = 7200.0
_PLAIN_EVERY: Final = 10.0
_FIRST: Final = 6.0
_WIDTH: Final = 140


def run(listen: str, seconds: float | None) -> None:
    """Play and watch until interrupted, or for some seconds; raises `ConfigError` as `serve`."""
    names, playlists = fleet()
    with ReplayServer(playlists, uptime=_UPTIME) as servers:
        targets = [
            Target(url=url, name=name, declare=Declaration(gpu_uuids=(uuid,)))
            for name, url, uuid in zip(names, servers.urls, servers.gpu_uuids, strict=True)
        ]
        pages = [GpuPageSettings(url=f"{url}/gpu/metrics") for url in servers.urls]
        config = Config(
            targets=targets,
            interval=2.0,
            timeout=1.9,
            window=20,
            gpu=GpuSettings(nvml=False, pages=pages, pages_interval=2.0),
            # nobody waits ten minutes for an upgraded server's work
            load=LoadCellSettings(warm_up=0.0),
            web=WebSettings(listen=listen),
        )
        service = Service(config, lambda: config)
        service.start()
        try:
            console = Console(emoji=False)
            if not console.is_terminal:
                console = Console(emoji=False, width=_WIDTH)
            _show(service, console, seconds)
        finally:
            service.stop()


def fleet() -> tuple[list[str], list[Playlist]]:
    """Return the demo's servers: their names and what each plays."""
    recordings = {name: load_recording(path) for name, path in bundled_recordings().items()}
    old, new = recordings["vllm-dense-0.20.2-mrv1"], recordings["vllm-dense-0.26.0"]
    moe, moe_v2 = recordings["vllm-moe-0.20.2-mrv1"], recordings["vllm-moe-0.20.2-mrv2"]
    busy = _from(new, "medium")
    playlists = {
        "dense-a": Playlist((_last(old, 24), busy)),
        "dense-b": Playlist((_last(old, 33), busy)),
        "dense-c": Playlist((_from(old, "full"),)),
        "dense-d": Playlist((_from(recordings["vllm-dense-0.20.2-mrv2"], "medium"),)),
        "moe-a": Playlist((_last(moe, 42), _from(moe_v2, "medium"))),
        "moe-b": Playlist((_from(moe, "full"),)),
    }
    return list(playlists), list(playlists.values())


def _last(recording: Recording, seconds: float) -> Recording:
    """Return the last seconds of a recording, so that its upgrade comes soon."""
    return _since(recording, recording.pages[-1].time - seconds)


def _from(recording: Recording, phase: str) -> Recording:
    """Return a recording from one of its load phases on, so that there is work at once."""
    return _since(recording, next(p["start"] for p in recording.phases if p["name"] == phase) - 2.0)


def _since(recording: Recording, start: float) -> Recording:
    return replace(recording, pages=tuple(p for p in recording.pages if p.time >= start))


def _show(service: Service, console: Console, seconds: float | None) -> None:
    console.print(f"status page: [bold]{service.url}[/]   metrics: {service.url}metrics")
    console.print("three of the six servers are upgraded within the first minute; Ctrl-C ends")
    start = monotonic()
    every = 1.0 if console.is_terminal else _PLAIN_EVERY
    pause = min(every, _FIRST)
    with Live(console=console, auto_refresh=False, transient=not console.is_terminal) as live:
        while seconds is None or monotonic() - start < seconds:
            left = pause if seconds is None else seconds - (monotonic() - start)
            sleep(max(min(pause, left), 0.0))
            pause = every
            shown = screen(service.fleet(), console.width)
            if console.is_terminal:
                live.update(shown, refresh=True)
            else:
                console.print(shown)


def screen(fleet: Json, width: int) -> RenderableType:
    """Return what the terminal shows of a fleet report, at most `width` characters wide."""
    return Group(server_table(fleet, width), "", release_table(fleet, width))
