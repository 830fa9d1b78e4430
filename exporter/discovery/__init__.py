"""Where the servers are: listed targets, files, DNS names and pods, merged into one set.

Of several exporters that share a configuration each keeps its shard of the set. Sources know
servers by place (a file, a DNS name, a namespace), so that a fault in one place costs the others
nothing. Nothing here asks a server anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import md5
from math import inf
from threading import Lock
from typing import Protocol

from ..config import Config, KubernetesSdSettings, ShardSettings, Target
from .dns_sd import DnsSource
from .file_sd import FileSource
from .kubernetes import KubernetesSource


class _Source(Protocol):
    """A way to find servers. `read` renews both properties and may block; it raises nothing."""

    @property
    def targets(self) -> Mapping[str, tuple[Target, ...]]: ...

    @property
    def problems(self) -> tuple[str, ...]: ...

    def read(self) -> None: ...


@dataclass(slots=True)
class _Timed:
    source: _Source
    every: float
    due: float = -inf


class Discoverer:
    """The set of servers to watch, as the configuration's sources tell it now.

    Only `refresh` does I/O; `targets` and `problems` never wait for it. All may be called from any
    thread. Before the first `refresh` only the listed targets are known. What `before` follows
    already is followed on, so that a reload loses no pods. Raises `ConfigError` where a file_sd
    pattern cannot be used or there is no Kubernetes API to ask.
    """

    def __init__(self, config: Config, before: "Discoverer | None" = None) -> None:
        found = config.discovery
        self._shard = config.shard
        self._static = tuple(target for target in config.targets if belongs(target, config.shard))
        self._watches: list[KubernetesSource] = _watches(
            found.kubernetes, before._watches if before else ()
        )
        self._timed = [
            *(_Timed(FileSource(section.files), section.refresh) for section in found.file_sd),
            *(_Timed(DnsSource(section), section.refresh) for section in found.dns_sd),
            # what it has followed in the background is taken with every tick
            *(_Timed(source, 0.0) for source in self._watches),
        ]
        self._one_at_a_time = Lock()
        self._targets = self._static
        self._problems: tuple[str, ...] = ()

    def targets(self) -> tuple[Target, ...]:
        """Return the servers: the listed ones first, then those of files, of DNS, of pods."""
        return self._targets

    def problems(self) -> tuple[str, ...]:
        """Return the current faults, one sentence each."""
        return self._problems

    def refresh(self, now: float) -> bool:
        """Read the sources that are due and return whether the set of servers changed.

        `now` is a monotonic clock's time in seconds. A DNS name may take two seconds; what was
        read before it is already to be seen.
        """
        with self._one_at_a_time:
            before = self._targets
            for timed in self._timed:
                if now >= timed.due:
                    timed.due = now + timed.every
                    timed.source.read()
                    self._publish()
            return self._targets != before

    def close(self, after: "Discoverer | None" = None) -> None:
        """Stop following pods, but for those that the one after this goes on with."""
        for source in self._watches:
            if after is None or source not in after._watches:
                source.close()

    def _publish(self) -> None:
        targets, doubles = _merge(self._found())
        faults = [fault for timed in self._timed for fault in timed.source.problems]
        self._targets, self._problems = targets, (*faults, *doubles)

    def _found(self) -> Iterator[tuple[str, Target]]:
        """Yield every known server after the place it was found at, first things first."""
        for target in self._static:
            yield "targets", target
        for timed in self._timed:
            for place, targets in timed.source.targets.items():
                for target in targets:
                    if belongs(target, self._shard):
                        yield place, target


def belongs(target: Target, shard: ShardSettings) -> bool:
    """Whether a server is one of a shard's, by its label, so that its series stay in one place."""
    if shard.total == 1:
        return True
    digest = md5(target.label.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:]) % shard.total == shard.index


def _watches(
    sections: Iterable[KubernetesSdSettings], held: Iterable[KubernetesSource]
) -> list[KubernetesSource]:
    """Return a source for each section: the held one where it is for the same section."""
    held = list(held)
    return [
        next((source for source in held if source.section == section), None)
        or KubernetesSource(section)
        for section in sections
    ]


def _merge(found: Iterable[tuple[str, Target]]) -> tuple[tuple[Target, ...], list[str]]:
    """Return one server per label, the first of each, and a sentence for every other."""
    first = dict[str, tuple[str, Target]]()
    doubles = []
    for place, target in found:
        known, kept = first.setdefault(target.label, (place, target))
        if kept is not target:
            doubles.append(
                f"{place}: a target called {target.label!r} is already known from {known}, so "
                f"{target.url} is left out; give it another name or list it once"
            )
    return tuple(target for _, target in first.values()), doubles
