"""Shares of time the parts of a GPU were at work, from two samples of its own counters.

NVML's GPU performance monitoring (Hopper and newer): one sample is kept, the next one is taken
with each reading, and the driver works out what lies between them. Traffic is given as a rate and
summed here, because the driver's byte counters have 32 bits and wrap within a second.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

from .nvml_values import COSTLY_SECONDS
from .reading import Key

_RATIOS: Final[Mapping[int, str]] = {
    1: "gpu_graphics_active_ratio",
    2: "gpu_sm_active_ratio",
    3: "gpu_sm_occupancy_ratio",
    5: "gpu_tensor_active_ratio",
    10: "gpu_dram_active_ratio",
}
_RATES: Final[Mapping[int, Key]] = {
    20: ("gpu_pcie_bytes_total", (("direction", "transmit"),)),
    21: ("gpu_pcie_bytes_total", (("direction", "receive"),)),
    60: ("gpu_nvlink_bytes_total", (("direction", "receive"),)),
    61: ("gpu_nvlink_bytes_total", (("direction", "transmit"),)),
}
_METRICS: Final = (*_RATIOS, *_RATES)
_COSTLY: Final = 1
"""The driver takes 2 ms of CPU to work it out, twenty times as much as for any other."""
_CHEAP: Final = tuple(number for number in _METRICS if number != _COSTLY)
_MIB: Final = 2**20
_VERSION: Final = 1
_SHORTEST: Final = 0.1


class Gpm:
    """The running pair of samples of one GPU, or of one MIG instance of it by its number.

    `library` is pynvml or what stands for it. Its errors are left to the caller.
    """

    def __init__(self, library: Any, device: Any, instance: int | None = None) -> None:
        self._library = library
        self._device = device
        self._instance = instance
        self._previous: tuple[Any, float] | None = None
        self._spare: Any = None
        self._bytes: dict[Key, float] = {}
        self._costly: dict[Key, float] = {}
        self._costly_time = -inf

    def read(self, time: float) -> dict[Key, float]:
        """Return ratios and traffic since the reading before; the first one gives nothing.

        `time` is when it is taken, in monotonic seconds; samples nearer than 0.1 s are not paired.
        """
        previous = self._previous
        if previous is not None and time - previous[1] < _SHORTEST:
            return {}
        sample = self._sample()
        self._previous = sample, time
        if previous is None:
            return {}
        self._spare = previous[0]
        metrics = _CHEAP
        if time - self._costly_time >= COSTLY_SECONDS:
            metrics, self._costly, self._costly_time = _METRICS, {}, time
        return self._between(previous[0], sample, time - previous[1], metrics)

    def close(self) -> None:
        """Give both samples back."""
        for sample in (self._spare, self._previous and self._previous[0]):
            if sample is not None:
                self._library.nvmlGpmSampleFree(sample)
        self._previous = self._spare = None

    def _sample(self) -> Any:
        # kept as the spare until it is filled: a driver that refuses must not cost one each time
        if self._spare is None:
            self._spare = self._library.nvmlGpmSampleAlloc()
        sample = self._spare
        if self._instance is None:
            self._library.nvmlGpmSampleGet(self._device, sample)
        else:
            self._library.nvmlGpmMigSampleGet(self._device, self._instance, sample)
        self._spare = None
        return sample

    def _between(
        self, first: Any, second: Any, seconds: float, metrics: Sequence[int]
    ) -> dict[Key, float]:
        request = self._library.c_nvmlGpmMetricsGet_t()
        request.version = _VERSION
        request.sample1, request.sample2 = first, second
        request.numMetrics = len(metrics)
        for i, number in enumerate(metrics):
            request.metrics[i].metricId = number
        self._library.nvmlGpmMetricsGet(request)
        values: dict[Key, float] = {}
        for i, number in enumerate(metrics):
            metric = request.metrics[i]
            # a driver may answer with NaN what it could not work out between these two samples
            if metric.nvmlReturn != 0 or metric.value != metric.value:
                continue
            if number in _RATIOS:
                ratios = self._costly if number == _COSTLY else values
                ratios[_RATIOS[number], ()] = metric.value / 100
            else:
                key = _RATES[number]
                self._bytes[key] = self._bytes.get(key, 0.0) + metric.value * _MIB * seconds
        return values | self._costly | self._bytes
