"""NVML played back from what a real driver answered, with faults where a test puts them."""

import ctypes
import json
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml

RECORDED = Path(__file__).parent / "recordings" / "h100-580.json"
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


class FakeNvml:
    """Stands for pynvml. Answers calls as recorded, in order; the last answer of a call stays, and
    what was not asked of the real one is not supported.

    `faults` maps a function's name to an NVML error number, or to a function called in its place.
    """

    def __init__(self, path: Path = RECORDED) -> None:
        self.faults: dict[str, int | Callable[..., Any]] = {}
        self.asked: list[str] = []
        self._answers: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for entry in json.loads(path.read_text(encoding="utf-8")):
            if "call" in entry:
                self._answers[_key(entry["call"], entry["args"])].append(entry)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvml"):
            return getattr(pynvml, name)

        def call(*arguments: Any) -> Any:
            self.asked.append(name)
            fault = self.faults.get(name)
            if isinstance(fault, int):
                raise pynvml.NVMLError(fault)
            if fault is not None:
                return fault(*arguments)
            if name in ("nvmlShutdown", "nvmlGpmSampleFree"):
                return None
            if name == "nvmlGpmSampleAlloc":
                return pynvml.c_nvmlGpmSample_t()
            metrics = name == "nvmlGpmMetricsGet"
            held = self._recorded(name, [_named(one) for one in arguments])
            if not held:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            entry = held.popleft() if len(held) > 1 else held[0]
            if "error" in entry:
                raise pynvml.NVMLError(entry["error"])
            if metrics:
                return _fill(arguments[0], entry["answer"])
            if name == "nvmlDeviceGetFieldValues":
                asked = {tuple(one) for one in arguments[1]}
                return [field(*one) for one in entry["answer"] if tuple(one[:2]) in asked]
            return _answer(name, entry["answer"])

        return call

    def _recorded(self, name: str, arguments: list[Any]) -> deque[dict[str, Any]]:
        """Return the answers to a call; those to some fields are in the answers to all."""
        key = _key(name, arguments)
        if name == "nvmlDeviceGetFieldValues" and key not in self._answers:
            same_gpu = [
                answers
                for other, answers in self._answers.items()
                if json.loads(other)[0] == name and json.loads(other)[1][0] == arguments[0]
            ]
            self._answers[key] = deque(max(same_gpu, key=len, default=()))
        return self._answers[key]


def _named(argument: Any) -> Any:
    if isinstance(argument, ctypes.Structure):
        return "metrics"
    return "sample" if isinstance(argument, ctypes._Pointer) else argument


def _key(name: str, arguments: list[Any]) -> str:
    return json.dumps([name, arguments])


def _answer(name: str, told: Any) -> Any:
    if name == "nvmlDeviceGetComputeRunningProcesses":
        return [SimpleNamespace(**one) for one in told]
    if isinstance(told, dict):
        return SimpleNamespace(**told)
    return told


def field(number: int, scope: int, verdict: int, kind: int, value: float) -> Any:
    """Return a field's value as pynvml does: only the member its type names is right."""
    union = SimpleNamespace(**dict.fromkeys(_MEMBERS, -1))
    setattr(union, _MEMBERS[kind], value)
    return SimpleNamespace(
        fieldId=number, scopeId=scope, nvmlReturn=verdict, valueType=kind, value=union
    )


def _fill(asked: Any, told: list[list[float]]) -> Any:
    answers = {number: (verdict, value) for number, verdict, value in told}
    for i in range(asked.numMetrics):
        metric = asked.metrics[i]
        metric.nvmlReturn, metric.value = answers[metric.metricId]
    return asked
