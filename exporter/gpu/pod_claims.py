"""Pods named for one GPU in turn.

A device plugin that divides a GPU in time gives it to several pods, of which an exporter that does
not know of the division names one, and another one after a while. So whoever was named lately has a
part in the GPU. A pod that ends and another that begins look the same at first: for the first
minutes the newcomer's energy is unknown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from .reading import GpuReading, Pod

_LATELY: Final = 300.0
"""How long, in seconds, a pod that is no longer named for a GPU may still be on it."""
_DIVIDED: Final = 3600.0
"""The same once a pod came back after another one was named: the GPU is divided beyond doubt."""

_Name = tuple[str, str]
"""Namespace and name of a pod."""


@dataclass(slots=True)
class _Claims:
    """The pods named for one GPU: each with the time when last, and the latest ones."""

    times: dict[_Name, tuple[Pod, float]] = field(default_factory=dict)
    latest: frozenset[_Name] = frozenset()
    divided: bool = False

    def add(self, pods: Collection[Pod], time: float) -> None:
        names = frozenset(map(_name, pods))
        if names and not names & self.latest:
            self.divided = self.divided or not names.isdisjoint(self.times)
        self.latest = names or self.latest
        self.times |= {_name(pod): (pod, time) for pod in pods}

    def forget(self, time: float) -> None:
        patience = _DIVIDED if self.divided else _LATELY
        self.times = {n: claim for n, claim in self.times.items() if time - claim[1] <= patience}
        self.divided = self.divided and len(self.times) > 1


class PodClaims:
    """Which pods were named for each GPU lately. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._claims: dict[str, _Claims] = {}
        self._by_name: dict[_Name, list[_Claims]] = {}
        self._current: frozenset[_Name] = frozenset()
        self._time = 0.0

    def with_claims(self, gpus: Mapping[str, GpuReading], time: float) -> dict[str, GpuReading]:
        """Take what is named now; return the GPUs with all pods that have a part in each."""
        self._time = time
        self._current = frozenset(_name(pod) for gpu in gpus.values() for pod in gpu.pods)
        for uuid, gpu in gpus.items():
            if gpu.pods or uuid in self._claims:
                self._claims.setdefault(uuid, _Claims()).add(gpu.pods, time)
        for claims in self._claims.values():
            claims.forget(time)
        self._claims = {uuid: claims for uuid, claims in self._claims.items() if claims.times}
        self._by_name = {}
        for claims in self._claims.values():
            for name in claims.times:
                self._by_name.setdefault(name, []).append(claims)
        return {uuid: self._with_claims(gpu) for uuid, gpu in gpus.items()}

    def keep(self, pod: _Name) -> None:
        """Take that a pod is at work: unless it is named for others now, its GPUs stay its own."""
        if pod not in self._current:
            for claims in self._by_name.get(pod, ()):
                claims.times[pod] = claims.times[pod][0], self._time

    def _with_claims(self, gpu: GpuReading) -> GpuReading:
        claims = self._claims.get(gpu.uuid)
        if claims is None or len(claims.times) < 2 or not (gpu.pods or claims.divided):
            return gpu
        named = set(map(_name, gpu.pods))
        # one that is named for another GPU by now may have been moved there
        others = [
            pod
            for name, (pod, _) in sorted(claims.times.items())
            if name not in named and (claims.divided or name not in self._current)
        ]
        return replace(gpu, pods=(*gpu.pods, *others), shared=True)


def _name(pod: Pod) -> _Name:
    return pod.namespace, pod.name
