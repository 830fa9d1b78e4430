"""Which servers are listed for the exporter, and how they change."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from .dead_servers import KINDS
from .live_servers import address

Group = Mapping[str, Any]

_LISTED_SHARE = 0.8
_CHANGED_SHARE = 0.1
_REMOVED_SHARE = 0.7
"""Of the servers that change; the others are renamed."""


def live_group(number: int, port: int, name: str, release: str = "") -> Group:
    """Return a live server as file_sd lists it."""
    labels = {"inferfleet_name": name, "inferfleet_release": release}
    return {"targets": [f"{address(number)}:{port}"], "labels": labels}


def dead_group(number: int, kind: str, port: int) -> Group:
    """Return a dead server as file_sd lists it; numbers go on behind those of live ones."""
    scheme = "https" if kind == "no TLS" else "http"
    name = f"{kind.replace(' ', '-')}-{number}"
    labels = {"inferfleet_name": name, "__scheme__": scheme}
    return {"targets": [f"{address(number)}:{port}"], "labels": labels}


def dead_groups(first: int, count: int, ports: Mapping[str, int]) -> list[Group]:
    """Return dead servers, as many of each kind."""
    kinds = [KINDS[i % len(KINDS)] for i in range(count)]
    return [dead_group(first + i, kind, ports[kind]) for i, kind in enumerate(kinds)]


def write(path: Path, groups: Iterable[Group]) -> None:
    """Replace a file_sd file at once, as its writers should."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(list(groups)))
    os.replace(new, path)


@dataclass(slots=True)
class Churn:
    """Live and dead servers of which other ones are listed, under other names, with every step."""

    live: int
    dead: list[Group]
    port: int
    random: Random
    steps: int = 0
    _names: dict[int, tuple[str, int]] = field(default_factory=dict)

    def step(self) -> list[Group]:
        """Change what is listed and return it."""
        for number in range(self.live):
            known = number in self._names
            share = (
                _CHANGED_SHARE if known else _CHANGED_SHARE * _LISTED_SHARE / (1 - _LISTED_SHARE)
            )
            if self.random.random() >= (share if self.steps else _LISTED_SHARE):
                continue
            if known and self.random.random() < _REMOVED_SHARE:
                del self._names[number]
            else:
                self._names[number] = f"live-{number}-{self.steps}", self.steps
        self.steps += 1
        listed = [
            live_group(number, self.port, name, f"r{since % 7}")
            for number, (name, since) in self._names.items()
        ]
        return [*listed, *(group for group in self.dead if self.random.random() < _LISTED_SHARE)]

    def settled(self, steps: int) -> list[str]:
        """Return the names of live servers listed for at least so many steps."""
        return [name for name, since in self._names.values() if self.steps - since >= steps]
