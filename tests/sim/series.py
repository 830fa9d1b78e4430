"""A simulated fleet as the series Prometheus would have scraped, for promtool's unit tests."""

from typing import Any, Final

import numpy as np

from .cells import UPPER, cell_of, per_slice
from .fleet import SLICE, Fleet

SCRAPE: Final = 120.0
WHO: Final = 'engine="vllm", model="m", gpu_model="H100", class="c0"'
RELEASES: Final = ("old", "new")


def series(fleet: Fleet) -> list[dict[str, str]]:
    """Return promtool's input series, one sample each `SCRAPE` seconds from time 0 on."""
    each = round(SCRAPE / SLICE)
    slices = fleet.batch.shape[1] // each * each
    amounts, cells = per_slice(fleet), cell_of(fleet)
    found = []
    for server in range(len(fleet.batch)):
        release = np.append(fleet.release[server, :slices], fleet.release[server, slices - 1])
        at = np.arange(0, slices + 1, each)
        start = at * SLICE - (fleet.age[server, np.minimum(at, slices - 1)] - SLICE / 2)
        found.append(
            _series(f'inferfleet_server_start_time_seconds{{target="s{server}"}}', start, at >= 0)
        )
        for number, name in enumerate(RELEASES):
            mine = release[at] == number
            if not mine.any():
                continue
            labels = f'target="s{server}", {WHO}, release="{name}"'
            info = f'inferfleet_server_info{{{labels}, version="0.20.{number}"}}'
            found.append(_series(info, np.ones(len(at)), mine))
            # the sample at the change still tells the old cells' last slice
            shown = mine | np.append(False, mine[:-1])
            ran = fleet.release[server, :slices] == number
            for cell in np.unique(cells[server, :slices][ran]):
                here = ran & (cells[server, :slices] == cell)
                for quantity, values in amounts.items():
                    total = np.append(0.0, np.cumsum(np.where(here, values[server, :slices], 0.0)))
                    metric = f"inferfleet_load_{quantity}_total"
                    text = f'{metric}{{{labels}, batch="{UPPER[cell]:g}"}}'
                    found.append(_series(text, total[at], shown))
    return found


def _series(name: str, values: Any, shown: Any) -> dict[str, str]:
    told = (repr(float(v)) if here else "_" for v, here in zip(values, shown, strict=True))
    return {"series": name, "values": " ".join(told)}
