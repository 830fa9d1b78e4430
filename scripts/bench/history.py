"""Ratios of earlier runs, one JSON object a line, and what became worse since the last of them."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

WORSE: Final = 1.10


@dataclass(frozen=True, slots=True)
class Entry:
    """A run: `ratios` are CPU a page over Prometheus' by number of servers, as in the tables."""

    commit: str
    date: str
    machine: str
    ratios: Mapping[str, float]


def read(path: Path) -> list[Entry]:
    """Return the entries of a history file, oldest first."""
    return [Entry(**json.loads(line)) for line in path.read_text().splitlines()]


def append(path: Path, entry: Entry) -> None:
    """Add an entry to a history file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(entry)) + "\n")


def comparison(history: Sequence[Entry], entry: Entry) -> str:
    """Say in one sentence which ratios became worse since the last entry of the same machine."""
    before = next((past for past in reversed(history) if past.machine == entry.machine), None)
    if before is None:
        return f"No earlier run is known on {entry.machine}."
    worse = [
        f"{size} servers from {before.ratios[size]:.2f} to {ratio:.2f}"
        for size, ratio in entry.ratios.items()
        if size in before.ratios and ratio >= WORSE * before.ratios[size]
    ]
    if not worse:
        return f"No ratio became worse by 10 % since {before.commit} of {before.date}."
    return f"The ratio became worse since {before.commit} of {before.date}: {', '.join(worse)}."


def current(ratios: Mapping[str, float]) -> Entry:
    """Return the entry of a run that ends now."""
    return Entry(_commit(), datetime.now(UTC).strftime("%Y-%m-%d"), machine(), ratios)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    """Return what ratios depend on: processor, cores, and the versions of both programs."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    version = subprocess.run(
        ["prometheus", "--version"], capture_output=True, text=True, check=True
    )
    number = re.search(r"version (\d+\.\d+)", version.stdout + version.stderr)
    processor = model[1].strip() if model else platform.machine()
    python = ".".join(platform.python_version_tuple()[:2])
    return (
        f"{processor} with {os.cpu_count()} cores, Python {python}, "
        f"Prometheus {number[1] if number else 'of unknown version'}"
    )
