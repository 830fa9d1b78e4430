"""The GPUs under a recorded server, as a page of nvidia_gpu_exporter: /gpu/metrics.

Pure arithmetic on the recording's own samples (`nvml.jsonl`). A sample is valid until the next
one; the energy counter begins at 0 and goes on through loops and upgrades, as a GPU's does.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from .recording import Recording

# key of a sample, name on the page, and how many of the sample's units make one of the page's
_VALUES: Final = (
    ("power_mw", "power_draw_watts", 1e3),
    ("mem_used", "memory_used_bytes", 1),
    ("mem_total", "memory_total_bytes", 1),
    ("util_gpu", "utilization_gpu_ratio", 100),
    ("util_mem", "utilization_memory_ratio", 100),
    ("temp", "temperature_gpu", 1),
)
_CLOCKS: Final = (
    ("sm_mhz", "clocks_current_sm_clock_hz"),
    ("mem_mhz", "clocks_current_memory_clock_hz"),
)
_REASONS: Final = (
    "gpu_idle",
    "applications_clocks_setting",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal_slowdown",
    "hw_thermal_slowdown",
    "hw_power_brake_slowdown",
)


class GpuTracks:
    """The GPUs of a recording that is played for `duration` seconds a loop.

    `energy_per_loop` is in joules, by GPU.
    """

    def __init__(self, recording: Recording, duration: float) -> None:
        numbers = sorted({sample.get("gpu", 0) for sample in recording.nvml if "t" in sample})
        self._tracks = [_GpuTrack(recording, duration, number) for number in numbers]
        self.energy_per_loop = [track.energy_per_loop for track in self._tracks]

    def page(
        self, index: int, loop: int, uuid: str, energy_offsets: Sequence[float]
    ) -> bytes | None:
        """Return the page that belongs to the server's page `index` in a loop, None without GPUs.

        The first GPU is called `uuid`, others the same with their number behind it.
        `energy_offsets` are the energy counters at the start of the first loop, in joules.
        """
        info, families = list[str](), dict[str, list[str]]()
        for track, offset in zip_longest(self._tracks, energy_offsets[: len(self._tracks)]):
            name = f"{uuid}-gpu{track.number}" if track.number else uuid
            info.append(track.info(name))
            for family, value in track.values(index, loop, offset or 0.0).items():
                families.setdefault(family, []).append(f'{family}{{uuid="{name}"}} {value!r}')
        for family, lines in families.items():
            kind = "counter" if family.endswith("_total") else "gauge"
            info += (f"# TYPE {family} {kind}", *lines)
        return ("\n".join(info) + "\n").encode() if info else None


class _GpuTrack:
    def __init__(self, recording: Recording, duration: float, number: int) -> None:
        self.number = number
        self._meta = _metadata(recording, number)
        self._samples = [
            sample for sample in recording.nvml if "t" in sample and sample.get("gpu", 0) == number
        ]
        self._times = [float(sample["t"]) for sample in self._samples]
        self._page_times = [page.time for page in recording.pages]
        self.energy_per_loop = 0.0
        self._has_energy = bool(self._samples) and all("energy_mj" in s for s in self._samples)
        if self._has_energy:
            first, last = (self._energy(self._sample_at(i)) for i in (0, -1))
            seconds = self._page_times[-1] - self._page_times[0]
            # the last page is served on after its scrape, and the GPU goes on drawing power
            self.energy_per_loop = (last - first) * (duration / seconds if seconds else 1.0)

    def info(self, uuid: str) -> str:
        name, driver = (_escaped(self._meta.get(key, "")) for key in ("name", "driver"))
        labels = f'uuid="{uuid}",name="{name}",driver_version="{driver}",index="{self.number}"'
        return f"nvidia_smi_gpu_info{{{labels}}} 1"

    def values(self, index: int, loop: int, energy_offset: float) -> dict[str, float]:
        sample = self._sample_at(index)
        values = {page: sample[key] / units for key, page, units in _VALUES if key in sample}
        values |= {page: sample[key] * 1e6 for key, page in _CLOCKS if key in sample}
        if self._has_energy:
            gained = self._energy(sample) - self._energy(self._sample_at(0))
            values["energy_joules_total"] = gained + loop * self.energy_per_loop + energy_offset
        if "power_limit_mw" in self._meta:
            values["enforced_power_limit_watts"] = self._meta["power_limit_mw"] / 1e3
        if "reasons" in sample:
            bits = int(sample["reasons"])
            for i, reason in enumerate(_REASONS):
                values[f"clocks_event_reasons_{reason}"] = float(bits >> i & 1)
        if "procs" in sample:
            values["compute_apps"] = float(len(sample["procs"]))
        return {f"nvidia_smi_{name}": value for name, value in values.items()}

    def _sample_at(self, index: int) -> Mapping[str, Any]:
        """Return the newest sample at the time a page was scraped."""
        return self._samples[max(bisect_right(self._times, self._page_times[index]) - 1, 0)]

    @staticmethod
    def _energy(sample: Mapping[str, Any]) -> float:
        return float(sample["energy_mj"]) / 1e3


def _escaped(text: str) -> str:
    """Return text as the value of a label."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _metadata(recording: Recording, number: int) -> Mapping[str, Any]:
    lines = (line for line in recording.nvml if "meta" in line and line.get("gpu", 0) == number)
    metadata: Mapping[str, Any] = next((line["meta"] for line in lines), {})
    return metadata
