"""Where the servers are: listed targets, file_sd files and DNS names, merged into one set.

Sources know servers by place (a file, a DNS name), so that a fault in one place costs the others
nothing. Nothing here asks a server anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import Protocol

from ..config import Config, Target
from .dns_sd import DnsSource
from .file_sd import FileSource


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
    thread. Before the first `refresh` only the listed targets are known. Raises `ConfigError` where
    a file_sd pattern cannot be used.
    """

    def __init__(self, config: Config) -> None:
        found = config.discovery
        self._static = tuple(config.targets)
        self._timed = [
            *(_Timed(FileSource(section.files), section.refresh) for section in found.file_sd),
            *(_Timed(DnsSource(section), section.refresh) for section in found.dns_sd),
        ]
        self._one_at_a_time = Lock()
        self._targets = self._static
        self._problems: tuple[str, ...] = ()

    def targets(self) -> tuple[Target, ...]:
        """Return the servers: the listed ones first, then those of files, then those of DNS."""
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
                    yield place, target


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
