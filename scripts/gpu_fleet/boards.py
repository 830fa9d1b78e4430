"""The boards' own readings, taken apart from the exporter: what its joules are held against."""

from bisect import bisect_left
from dataclasses import dataclass, field
from threading import Event, Thread
from time import time
from typing import Any, Final

import pynvml

_INTERVAL: Final = 0.1
_FULL: Final = 10
"""Every so manieth sample has more than the energy counter."""


@dataclass(slots=True)
class Board:
    """One GPU: its energy counter (Unix time, joules), and fuller samples once a second."""

    handle: Any
    metadata: dict[str, Any]
    energy: list[tuple[float, float]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def joules(self, start: float, end: float) -> float:
        """Return what the counter gained between two Unix times."""
        return self._counter(end) - self._counter(start)

    def _counter(self, when: float) -> float:
        """Return the counter at a time, a straight line between the samples around it."""
        energy = list(self.energy)
        at = min(max(bisect_left(energy, (when, 0.0)), 1), len(energy) - 1)
        (t0, e0), (t1, e1) = energy[at - 1], energy[at]
        return e0 + (e1 - e0) * (when - t0) / (t1 - t0)


class Boards:
    """Reads every GPU ten times a second between `start` and `stop`."""

    def __init__(self) -> None:
        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        self.boards = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            metadata = {
                "name": pynvml.nvmlDeviceGetName(handle),
                "uuid": f"GPU-recorded-{index}",
                "driver": driver,
                "power_limit_mw": _answer(pynvml.nvmlDeviceGetPowerManagementLimit, handle),
            }
            self.boards.append(Board(handle, metadata))
        self._ended = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End reading."""
        self._ended.set()
        self._thread.join()

    def processes(self) -> set[int]:
        """Return the processes with a context on any GPU, as the driver numbers them."""
        asked = (
            _answer(pynvml.nvmlDeviceGetComputeRunningProcesses, board.handle)
            for board in self.boards
        )
        return {process.pid for processes in asked for process in processes or ()}

    def _run(self) -> None:
        count = 0
        while not self._ended.wait(_INTERVAL):
            for board in self.boards:
                millijoules = pynvml.nvmlDeviceGetTotalEnergyConsumption(board.handle)
                board.energy.append((time(), millijoules / 1e3))
                if count % _FULL == 0:
                    board.samples.append(_sample(board.handle, millijoules))
            count += 1


def _sample(handle: Any, millijoules: int) -> dict[str, Any]:
    use = _answer(pynvml.nvmlDeviceGetUtilizationRates, handle)
    memory = _answer(pynvml.nvmlDeviceGetMemoryInfo, handle)
    sample = {
        "t": time(),
        "util_gpu": use and use.gpu,
        "util_mem": use and use.memory,
        "mem_used": memory and memory.used,
        "mem_total": memory and memory.total,
        "power_mw": _answer(pynvml.nvmlDeviceGetPowerUsage, handle),
        "energy_mj": millijoules,
        "temp": _answer(pynvml.nvmlDeviceGetTemperature, handle, 0),
        "sm_mhz": _answer(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        "mem_mhz": _answer(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        "reasons": _answer(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle),
    }
    return {key: value for key, value in sample.items() if value is not None}


def _answer(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except pynvml.NVMLError:
        return None
