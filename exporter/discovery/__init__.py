"""The servers to watch: listed targets, files, DNS names and pods, merged into one set.

Of several exporters that share a configuration each keeps its shard of the set. Sources know
servers by place (a file, a DNS name, a namespace), so that a fault in one place costs the others
nothing. Nothing here sends a server any request.
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
from .local import Host, own_host, with_names


class _Source(Protocol):
    """A kind of discovery. `refresh` renews both properties and may block; it raises nothing."""

    @property
    def targets(self) -> Mapping[str, tuple[Target, ...]]: ...

    @property
    def problems(self) -> tuple[str, ...]: ...

    def refresh(self) -> None: ...


@dataclass(slots=True)
class _ScheduledSource:
    source: _Source
    interval: float
    due: float = -inf


class Discoverer:
    """The set of servers to watch, as the configuration's sources report it now.

    Only `refresh` does I/O; `targets` and `problems` never wait for it. All may be called from any
    thread. Before the first `refresh` only the listed targets are known. Watches of `previous`
    for the same sections go on, so that a reload loses no pods. Raises `ConfigError` where a
    file_sd pattern cannot be used, there is no Kubernetes API to connect to, or what is to be
    known of the exporter's own pod cannot be read. Targets on loopback are named by `host`, which
    is by default where this process runs.
    """

    def __init__(
        self, config: Config, previous: "Discoverer | None" = None, host: Host | None = None
    ) -> None:
        discovery = config.discovery
        self._host = host or own_host()
        self._shard = config.shard
        self._static = with_names(config.targets, self._host)
        self._watches: list[KubernetesSource] = _watches(
            discovery.kubernetes, previous._watches if previous else ()
        )
        self._sources = [
            *(
                _ScheduledSource(FileSource(section.files), section.refresh)
                for section in discovery.file_sd
            ),
            *(
                _ScheduledSource(DnsSource(section), section.refresh)
                for section in discovery.dns_sd
            ),
            # a watch runs in the background: its state is read at every refresh
            *(_ScheduledSource(source, 0.0) for source in self._watches),
        ]
        self._refresh_lock = Lock()
        self._targets, duplicates = _merge(self._kept("targets", self._static))
        self._problems = tuple(duplicates)

    def targets(self) -> tuple[Target, ...]:
        """Return the servers: the listed ones first, then those of files, of DNS, of pods."""
        return self._targets

    def problems(self) -> tuple[str, ...]:
        """Return the current faults, one sentence each."""
        return self._problems

    def target_counts(self) -> Mapping[str, int]:
        """Return how many servers each place of a source names, those of other shards too."""
        return {
            place: len(targets)
            for scheduled in self._sources
            for place, targets in scheduled.source.targets.items()
        }

    def refresh(self, now: float) -> bool:
        """Read the sources that are due and return whether the set of servers changed.

        `now` is a monotonic clock's time in seconds. A DNS name may take two seconds; what was
        read before it is published already.
        """
        with self._refresh_lock:
            known = self._targets
            for scheduled in self._sources:
                if now >= scheduled.due:
                    scheduled.due = now + scheduled.interval
                    scheduled.source.refresh()
                    self._publish()
            return self._targets != known

    def next_refresh(self) -> float:
        """Return when a source is due next (monotonic seconds), infinity where there is none."""
        return min((scheduled.due for scheduled in self._sources), default=inf)

    def close(self, successor: "Discoverer | None" = None) -> None:
        """Stop watching pods, except those that `successor` goes on with."""
        for source in self._watches:
            if successor is None or source not in successor._watches:
                source.close()

    def _publish(self) -> None:
        targets, duplicates = _merge(self._by_place())
        faults = [fault for scheduled in self._sources for fault in scheduled.source.problems]
        self._targets, self._problems = targets, (*faults, *duplicates)

    def _by_place(self) -> Iterator[tuple[str, Target]]:
        """Yield every known server with the place that names it, in order of precedence."""
        yield from self._kept("targets", self._static)
        for scheduled in self._sources:
            for place, targets in scheduled.source.targets.items():
                yield from self._kept(place, with_names(targets, self._host))

    def _kept(self, place: str, targets: Iterable[Target]) -> Iterator[tuple[str, Target]]:
        """Yield the servers of a place that are in this exporter's shard."""
        for target in targets:
            if in_shard(target, self._shard):
                yield place, target


def in_shard(target: Target, shard: ShardSettings) -> bool:
    """Whether a server is one of a shard's, by its label, so that its series stay in one place."""
    if shard.total == 1:
        return True
    digest = md5(target.label.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:]) % shard.total == shard.index


def _watches(
    sections: Iterable[KubernetesSdSettings], running: Iterable[KubernetesSource]
) -> list[KubernetesSource]:
    """Return a source for each section: the running one where it is for the same section."""
    running = list(running)
    return [
        next((source for source in running if source.section == section), None)
        or KubernetesSource(section)
        for section in sections
    ]


def _merge(candidates: Iterable[tuple[str, Target]]) -> tuple[tuple[Target, ...], list[str]]:
    """Return one server per label, the first of each, and a sentence for every other."""
    first = dict[str, tuple[str, Target]]()
    duplicates = []
    for place, target in candidates:
        first_place, first_target = first.setdefault(target.label, (place, target))
        if first_target is not target:
            duplicates.append(
                f"{place}: a target called {target.label!r} is already known from {first_place}, "
                f"so {target.url} is left out; give it another name or list it once"
            )
    return tuple(target for _, target in first.values()), duplicates
