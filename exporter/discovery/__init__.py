"""The servers to watch: listed targets, files, DNS names and pods, merged into one set.

Of several exporters that share a configuration each keeps its shard of the set. Sources know
servers by place (a file, a DNS name, a namespace), so that a fault in one place costs the others
nothing; they are read side by side. Nothing here sends a server any request.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import md5
from math import inf
from threading import Lock
from time import monotonic
from typing import Final

from ..config import Config, DiscoverySettings, ShardSettings, Target
from .dns_sd import DnsSource
from .file_sd import FileSource
from .kubernetes import KubernetesSource
from .local import Host, own_host, with_names
from .source_reader import Source, SourceReader

_WAIT_SECONDS: Final = 1.0


class Discoverer:
    """The set of servers to watch, as the configuration's sources report it now.

    Only `refresh` does I/O; the other methods never wait for it. All may be called from any
    thread. Before the first `refresh` only the listed targets are known. Sources of `previous`
    for the same sections go on, so that a reload loses no servers. Raises `ConfigError` where a
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
        self._readers: list[SourceReader] = _readers(
            discovery, previous._readers if previous else ()
        )
        self._refresh_lock = Lock()
        self._answered = not self._readers
        self._targets, self._problems = _merge(self._in_own_shard("targets", self._static))

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
            for reader in self._readers
            for place, targets in reader.source.targets.items()
        }

    def answered(self) -> bool:
        """Whether every source has answered or failed once."""
        return self._answered

    def refresh(self, now: float, wait: float = _WAIT_SECONDS) -> bool:
        """Read the sources that are due and return whether the servers, or `answered`, changed.

        `now` is a monotonic clock's time in seconds. What a source answers within `wait` seconds is
        known at the end, what comes later with the next call.
        """
        with self._refresh_lock:
            before = self._targets, self._answered
            for reader in self._readers:
                reader.begin(now)
            deadline = monotonic() + wait
            for reader in self._readers:
                reader.wait(max(deadline - monotonic(), 0.0))
            # asked before what they answered is read: it may come meanwhile
            answered = all([reader.answered(now) for reader in self._readers])
            self._publish(now)
            self._answered = answered
            return (self._targets, self._answered) != before

    def next_refresh(self) -> float:
        """Return when a source is due next (monotonic seconds), infinity where there is none."""
        return min((reader.due for reader in self._readers), default=inf)

    def close(self, successor: "Discoverer | None" = None) -> None:
        """Stop watching pods, except those that `successor` goes on with."""
        sources = [reader.source for reader in successor._readers] if successor else []
        for reader in self._readers:
            if isinstance(reader.source, KubernetesSource) and reader.source not in sources:
                reader.source.close()

    def _publish(self, now: float) -> None:
        targets, duplicates = _merge(self._by_place())
        faults = [fault for reader in self._readers for fault in reader.problems(now)]
        self._targets, self._problems = targets, (*faults, *duplicates)

    def _by_place(self) -> Iterator[tuple[str, Target]]:
        """Yield every known server with the place that names it, in order of precedence."""
        yield from self._in_own_shard("targets", self._static)
        for reader in self._readers:
            for place, targets in reader.source.targets.items():
                yield from self._in_own_shard(place, with_names(targets, self._host))

    def _in_own_shard(self, place: str, targets: Iterable[Target]) -> Iterator[tuple[str, Target]]:
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


def _readers(discovery: DiscoverySettings, running: Iterable[SourceReader]) -> list[SourceReader]:
    """Return a reader for each section: the running one where it is for the same section."""
    left = list(running)
    readers = list[SourceReader]()

    def add(section: object, place: str, interval: float, source: Callable[[], Source]) -> None:
        known = next((reader for reader in left if reader.section == section), None)
        if known:
            left.remove(known)
            known.renew(place)
        readers.append(known or SourceReader(source(), section, place, interval))

    for number, files in enumerate(discovery.file_sd):
        place = f"discovery.file_sd.{number}"
        add(files, place, files.refresh, partial(FileSource, files.files))
    for number, names in enumerate(discovery.dns_sd):
        add(names, f"discovery.dns_sd.{number}", names.refresh, partial(DnsSource, names))
    for number, pods in enumerate(discovery.kubernetes):
        # a watch runs in the background: its state is read at every refresh
        add(pods, f"discovery.kubernetes.{number}", 0.0, partial(KubernetesSource, pods))
    return readers


def _merge(candidates: Iterable[tuple[str, Target]]) -> tuple[tuple[Target, ...], tuple[str, ...]]:
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
    return tuple(target for _, target in first.values()), tuple(duplicates)
