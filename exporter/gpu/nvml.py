"""The GPUs of this machine as NVIDIA's driver reports them (NVML).

Owns the session with the driver: opened once, handles kept by UUID, opened anew only after the
driver itself was gone. What a GPU does not report costs its series; a GPU that is lost costs its
values and says so; a driver that does not answer raises `GpuError`. Calls may hang with a wedged
driver: whoever calls `read` must not wait for it.
"""

import logging
from ctypes import CDLL
from dataclasses import dataclass, field
from math import inf
from socket import gethostname
from typing import Any, Final

from ..base.errors import GpuError
from . import nvml_values
from .gpm import Gpm
from .reading import GpuReading, Key

log = logging.getLogger(__name__)

_LIBRARY: Final = "libnvidia-ml.so.1"
_NO_PERMISSION: Final = 4
_LOST: Final = (15, 16)
"""The GPU has fallen off the bus, or must be reset before it works again."""
_NO_SESSION: Final = (1, 9, 12, 18)
"""Not initialised, no driver, no library, or a library of another version than the driver."""
_REMEDIES: Final = {
    4: "run the exporter as a user who may open /dev/nvidia*",
    9: "load the driver, or set gpu.nvml to false where there is no GPU",
    12: "install the driver, or set gpu.nvml to false where there is no GPU",
    18: "the driver was upgraded under a running system: reboot it, or restart the container",
}
_REOPEN: Final = 60.0
"""How long, in seconds, a GPU or MIG instance is missed before all are looked up anew."""
_MIG_MARK: Final = " MIG "


class _LostGpu(GpuError):
    """The GPU asked no longer answers; carries the driver's words."""


@dataclass(slots=True)
class _Device:
    """A GPU, or a MIG instance of one: its handle, what never changes, what is read seldom."""

    handle: Any
    uuid: str
    model: str
    index: str
    mig_profile: str = ""
    divided: bool = False
    constants: dict[Key, float] = field(default_factory=dict)
    costly: dict[Key, float] = field(default_factory=dict)
    costly_time: float = -inf
    gpm: Gpm | None = None
    lost: bool = False


class Nvml:
    """Reads all GPUs NVML shows, one thread at a time; `library` stands in for pynvml."""

    def __init__(self, library: Any = None) -> None:
        self._library = library
        self._devices: list[_Device] = []
        self._count = -1
        self._driver = ""
        self._host = gethostname()
        self._refused: set[str] = set()
        self._silent: set[int] = set()
        self._opened = 0.0
        self._incomplete = False

    def read(self, time: float) -> list[GpuReading]:
        """Return every GPU at `time` (monotonic seconds); `GpuError` where the driver is not there.

        A lost GPU is reported with `gpu_up` 0 and no other value.
        """
        if self._count < 0:
            self._start()
        count = self._ask("nvmlDeviceGetCount")
        if count is None:
            self._stop()
            raise GpuError("NVML does not say how many GPUs there are")
        again = self._incomplete and time - self._opened >= _REOPEN
        if count != self._count or again:
            self._open(count, time)
        return [self._reading(device, time) for device in self._devices]

    def _start(self) -> None:
        if self._library is None:
            self._library = _pynvml()
        try:
            self._library.nvmlInit()
        except self._library.NVMLError as error:
            raise self._fault(error) from error
        self._driver = str(self._ask("nvmlSystemGetDriverVersion") or "")

    def _stop(self) -> None:
        """Forget the session: the driver behind it is gone, and handles with it."""
        self._devices, self._count = [], -1
        try:
            self._library.nvmlShutdown()
        except self._library.NVMLError:
            log.debug("NVML could not be shut down", exc_info=True)

    def _open(self, count: int, time: float) -> None:
        """Look up every GPU; a lost one that is not found again stays lost."""
        before, devices = self._devices, list[_Device]()
        self._count, self._opened, self._incomplete = count, time, False
        for index in range(count):
            try:
                handle = self._ask("nvmlDeviceGetHandleByIndex", index)
                devices += self._devices_of(handle, str(index)) if handle is not None else ()
            except _LostGpu as error:
                self._incomplete = True
                if index not in self._silent:
                    log.error("GPU %d does not answer its driver: %s; reset it", index, error)
                self._silent.add(index)
            else:
                self._silent.discard(index)
        for device in before:
            self._close(device)
        known = {device.uuid for device in devices}
        for device in before:
            if device.lost and device.uuid not in known and not device.mig_profile:
                devices.append(device)
        lost = {device.uuid for device in before if device.lost}
        for device in devices:
            device.lost = device.uuid in lost
        self._devices = devices

    def _close(self, device: _Device) -> None:
        if device.gpm is not None:
            try:
                device.gpm.close()
            except self._library.NVMLError:
                log.debug("performance samples of %s were gone", device.uuid, exc_info=True)

    def _devices_of(self, handle: Any, index: str) -> list[_Device]:
        """Return a GPU and, where it is divided, its MIG instances."""
        uuid, model = (
            str(self._ask(f"nvmlDeviceGet{what}", handle) or "") for what in ("UUID", "Name")
        )
        constants = nvml_values.constants(self._ask, handle)
        mode = self._ask("nvmlDeviceGetMigMode", handle)
        whole = _Device(handle, uuid, model, index, constants=constants)
        whole.divided = bool(mode and mode[0])
        if not whole.divided:
            whole.gpm = self._gpm(handle)
            return [whole]
        devices = [whole]
        for number in range(self._ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            part = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if part is not None:
                uuid, name = (
                    str(self._ask(f"nvmlDeviceGet{what}", part) or "") for what in ("UUID", "Name")
                )
                instance = self._ask("nvmlDeviceGetGpuInstanceId", part)
                gpm = None if instance is None else self._gpm(handle, instance)
                profile = name.partition(_MIG_MARK)[2] or "unknown"
                devices.append(_Device(part, uuid, model, index, profile, gpm=gpm))
        return devices

    def _gpm(self, handle: Any, instance: int | None = None) -> Gpm | None:
        support = self._ask("nvmlGpmQueryDeviceSupport", handle)
        if support is None or not support.isSupportedDevice:
            return None
        return Gpm(self._library, handle, instance)

    def _reading(self, device: _Device, time: float) -> GpuReading:
        values: dict[Key, float] = {}
        pids: tuple[int, ...] = ()
        try:
            values = self._values(device, time)
            running = self._ask("nvmlDeviceGetComputeRunningProcesses", device.handle)
            if running is not None:
                pids = tuple(sorted({process.pid for process in running}))
                values["gpu_processes", ()] = float(len(pids))
            values["gpu_up", ()] = 1.0
            if device.lost:
                log.info("GPU %s answers again", device.uuid)
            device.lost = False
        except _LostGpu as error:
            if not device.lost:
                log.error("GPU %s is lost: %s; reset it or reboot the node", device.uuid, error)
            self._incomplete = True
            device.lost, values, pids = True, {("gpu_up", ()): 0.0}, ()
        return GpuReading(
            uuid=device.uuid,
            model=device.model,
            source="nvml",
            time=time,
            values=values,
            host=self._host,
            index=device.index,
            driver=self._driver,
            mig_profile=device.mig_profile,
            pids=pids,
            shared=device.divided,
        )

    def _values(self, device: _Device, time: float) -> dict[Key, float]:
        counted: dict[Key, float] = {}
        if device.gpm is not None:
            counted = self._guarded("nvmlGpmSampleGet", device.gpm.read, time) or {}
        # power, energy and clocks are the whole GPU's: for a MIG instance they would be a guess
        read = nvml_values.memory if device.mig_profile else nvml_values.values
        values = read(self._ask, device.handle)
        if not values:
            raise _LostGpu("it answers no question")
        if not device.mig_profile and time - device.costly_time >= nvml_values.COSTLY_SECONDS:
            device.costly, device.costly_time = nvml_values.costly(self._ask, device.handle), time
        # the driver's own counters of traffic go before those summed up here
        return counted | device.constants | device.costly | values

    def _ask(self, function: str, *arguments: Any) -> Any:
        """Return an answer, None where this GPU, driver or permission does not give one."""
        return self._guarded(function, getattr(self._library, function), *arguments)

    def _guarded(self, function: str, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except self._library.NVMLError as error:
            if error.value in _NO_SESSION:
                raise self._fault(error) from error
            if error.value in _LOST:
                raise _LostGpu(str(error)) from error
            if error.value == _NO_PERMISSION and function not in self._refused:
                self._refused.add(function)
                log.warning("%s is refused, so its series are left out: %s", function, _REMEDIES[4])
            return None

    def _fault(self, error: Any) -> GpuError:
        self._stop()
        remedy = _REMEDIES.get(error.value)
        return GpuError(f"NVML does not answer: {error}{f'; {remedy}' if remedy else ''}")


def _pynvml() -> Any:
    """Import NVIDIA's binding, which takes 2 MB of memory, where there is a library to bind."""
    try:
        CDLL(_LIBRARY)
    except OSError as error:
        raise GpuError(f"NVML does not answer: {error}; {_REMEDIES[12]}") from error
    import pynvml

    return pynvml
