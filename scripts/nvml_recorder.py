"""Writes down what NVML answers, call by call, so that tests can play a real GPU back.

`Recorder` stands between a reader and pynvml. Handles and samples, which mean nothing elsewhere,
become names; UUIDs and process numbers are replaced.
"""

import ctypes
import json
from pathlib import Path
from typing import Any, Final

import pynvml

_HANDLES: Final = ("nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMigDeviceHandleByIndex")
_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


class Recorder:
    """pynvml that notes every call, its arguments and its answer or error number."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._names: dict[int | None, str] = {}
        self._uuids: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        member = getattr(pynvml, name)
        if not name.startswith("nvml") or not callable(member):
            return member

        def call(*arguments: Any) -> Any:
            noted = {"call": name, "args": [self._argument(argument) for argument in arguments]}
            self.calls.append(noted)
            try:
                answer = member(*arguments)
            except pynvml.NVMLError as error:
                noted["error"] = error.value
                raise
            if name in _HANDLES:
                number = len(self._names)
                self._names.setdefault(_address(answer), f"handle {number}")
            noted["answer"] = self._answer(name, answer, arguments)
            return answer

        return call

    def mark(self, label: str) -> None:
        """Note what the GPU is doing from here on."""
        self.calls.append({"mark": label})

    def save(self, path: Path) -> None:
        """Write one call a line."""
        lines = (json.dumps(call, separators=(",", ":")) for call in self.calls)
        path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")

    def _argument(self, value: Any) -> Any:
        if isinstance(value, ctypes._Pointer):
            return self._names.get(_address(value), "sample")
        if isinstance(value, ctypes.Structure):
            return "metrics"
        return value

    def _answer(self, name: str, answer: Any, arguments: tuple[Any, ...]) -> Any:
        if name == "nvmlDeviceGetFieldValues":
            return [
                [field.fieldId, field.scopeId, field.nvmlReturn, field.valueType, _value(field)]
                for field in answer
            ]
        if name == "nvmlGpmMetricsGet":
            metrics = (answer.metrics[i] for i in range(answer.numMetrics))
            return [[metric.metricId, metric.nvmlReturn, metric.value] for metric in metrics]
        if name == "nvmlDeviceGetComputeRunningProcesses":
            return [{"pid": 1001 + i} for i, _ in enumerate(answer)]
        if name == "nvmlDeviceGetUUID":
            return self._uuids.setdefault(answer, f"GPU-recorded-{len(self._uuids)}")
        if isinstance(answer, ctypes._Pointer):
            return self._names.get(_address(answer), "sample")
        if isinstance(answer, ctypes.Structure):
            return {field: getattr(answer, field) for field, *_ in answer._fields_}
        return answer


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def _value(field: Any) -> float:
    member = _MEMBERS[field.valueType] if field.valueType < len(_MEMBERS) else "ullVal"
    value: float = getattr(field.value, member)
    return value
