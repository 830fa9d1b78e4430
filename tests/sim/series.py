"""A simulated fleet as the series Prometheus would have scraped, for promtool's unit tests."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from .cells import UPPER, cell_of, per_slice
from .fleet import SimulatedFleet
from .noise import SLICE

SCRAPE: Final = 120.0
CLASS_LABELS: Final = 'engine="vllm", model="m", gpu_model="H100", class="c0"'
RELEASES: Final = ("old", "new")


def series(fleet: SimulatedFleet) -> list[dict[str, str]]:
    """Return promtool's input series, one sample each `SCRAPE` seconds from time 0 on."""
    stride = round(SCRAPE / SLICE)
    slices = fleet.batch.shape[1] // stride * stride
    amounts, cells = per_slice(fleet), cell_of(fleet)
    scraped = []
    for server in range(len(fleet.batch)):
        release = np.append(fleet.release[server, :slices], fleet.release[server, slices - 1])
        at = np.arange(0, slices + 1, stride)
        start = at * SLICE - (fleet.age[server, np.minimum(at, slices - 1)] - SLICE / 2)
        scraped.append(
            _series(f'inferfleet_server_start_time_seconds{{target="s{server}"}}', start, at >= 0)
        )
        for number, name in enumerate(RELEASES):
            running = release[at] == number
            if not running.any():
                continue
            labels = f'target="s{server}", {CLASS_LABELS}, release="{name}"'
            info = f'inferfleet_server_info{{{labels}, version="0.20.{number}"}}'
            scraped.append(_series(info, np.ones(len(at)), running))
            # the sample at the change still has the old cells' last slice
            present = running | np.append(False, running[:-1])
            ran = fleet.release[server, :slices] == number
            for cell in np.unique(cells[server, :slices][ran]):
                in_cell = ran & (cells[server, :slices] == cell)
                for quantity, values in amounts.items():
                    gained = np.where(in_cell, values[server, :slices], 0.0)
                    total = np.append(0.0, np.cumsum(gained))
                    metric = f"inferfleet_load_{quantity}_total"
                    text = f'{metric}{{{labels}, batch="{UPPER[cell]:g}"}}'
                    scraped.append(_series(text, total[at], present))
    return scraped


def _series(name: str, values: Iterable[float], present: Iterable[bool]) -> dict[str, str]:
    samples = (
        repr(float(value)) if there else "_" for value, there in zip(values, present, strict=True)
    )
    return {"series": name, "values": " ".join(samples)}
