"""Writes docs/top-fleet.svg and docs/top-server.svg: `inferfleet top` on recorded servers.

    python -m scripts.top_pictures [--minutes 16]

The servers are played back for as long as a sizing hint needs before it advises.
"""

import argparse
import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from alerts.values import load
from exporter.config import (
    Config,
    Declaration,
    GpuPageSettings,
    GpuSettings,
    LoadCellSettings,
    Target,
)
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.server import ReplayServer
from exporter.sampling.poller import Poller
from exporter.top.command import fleet_of, objectives_of
from exporter.top.screens.app import TopApp
from exporter.top.watch import FleetWatch

ROOT: Final = Path(__file__).parent.parent
_UPTIME: Final = 7200.0
# what each server is called, what it plays, and from which of its load phases on
_SERVERS: Final = (
    ("chat-a", "vllm-dense-0.26.0", "medium"),
    ("chat-b", "vllm-dense-0.20.2-mrv1", "full"),
    ("reasoning", "vllm-moe-0.20.2-mrv1", "prefix-heavy"),
)
_FLEET_SIZE: Final = (100, 12)
_SERVER_SIZE: Final = (120, 40)


def played(name: str, phase: str) -> Recording:
    """Return a recording from one of its load phases on."""
    recording = load_recording(bundled_recordings()[name])
    start = next(each["start"] for each in recording.phases if each["name"] == phase)
    return replace(recording, pages=tuple(p for p in recording.pages if p.time >= start))


async def write(watch: FleetWatch, seconds: float) -> None:
    """Watch for some seconds, then write the pictures."""
    async with TopApp(watch).run_test(size=_FLEET_SIZE) as pilot:
        await asyncio.sleep(seconds)
        await pilot.pause()
        _save(pilot.app.export_screenshot(), "top-fleet.svg")
        await pilot.press("down", "enter")
        await pilot.resize_terminal(*_SERVER_SIZE)
        await pilot.pause()
        _save(pilot.app.export_screenshot(), "top-server.svg")


def _save(picture: str, name: str) -> None:
    # a picture in a document must not make its reader's machine ask others for fonts
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    (ROOT / "docs" / name).write_text(picture, encoding="utf-8")


def main() -> None:
    """Play, watch and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=16.0)
    seconds = parser.parse_args().minutes * 60
    recordings = [played(name, phase) for _, name, phase in _SERVERS]
    with ReplayServer(recordings, uptime=_UPTIME) as servers:
        config = Config(
            targets=[
                Target(url=url, name=name, declare=Declaration(gpu_uuids=(uuid,)))
                for (name, *_), url, uuid in zip(
                    _SERVERS, servers.urls, servers.gpu_uuids, strict=True
                )
            ],
            interval=2.0,
            gpu=GpuSettings(
                nvml=False,
                pages=[GpuPageSettings(url=f"{url}/gpu/metrics") for url in servers.urls],
                pages_interval=2.0,
            ),
            load=LoadCellSettings(warm_up=0.0),
        )
        poller = Poller(config)
        poller.start()
        try:
            watch = FleetWatch(config, fleet_of(poller), objectives_of(load(), None, None))
            asyncio.run(write(watch, seconds))
        finally:
            poller.stop()


if __name__ == "__main__":
    main()
