"""What is seen of the exporter from outside at one moment: memory, threads, descriptors, ages."""

import re
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.bench import counters

from .exporter_process import ExporterProcess

_AGE = re.compile(r'^inferfleet_scrape_age_seconds\{target="([^"/]*)[^}]*\} (\S+)$', re.MULTILINE)
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Observation:
    """One row of the table: `seconds` since the start, memory in 2^20 bytes.

    `live` servers have been listed for a while; of these `fresh` is the share that was sampled
    when due, and `oldest` the age of the oldest page, in seconds, infinite where one has none.
    `blocks` are those that Python has allocated. `waited` is how long the exporter's threads have
    waited for a core so far, in seconds: what else the machine did.
    """

    seconds: float
    resident: float
    blocks: int
    threads: int
    descriptors: int
    live: int
    fresh: float
    oldest: float
    waited: float


def observe(
    exporter: ExporterProcess, seconds: float, live: Iterable[str], due_within: float
) -> Observation:
    """Look at the process and its page; `live` are the names of servers that must be up to date."""
    pid, ages = exporter.process.pid, _ages(exporter.url)
    known = [ages.get(name, float("inf")) for name in live]
    return Observation(
        seconds,
        counters.resident_mb(pid),
        exporter.blocks,
        len(list(Path(f"/proc/{pid}/task").iterdir())),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        len(known),
        sum(age <= due_within for age in known) / len(known) if known else 1.0,
        max(known, default=0.0),
        sum(thread.waited for thread in counters.threads(pid).values()),
    )


def _ages(url: str) -> Mapping[str, float]:
    with urllib.request.urlopen(f"{url}metrics", timeout=_TIMEOUT) as response:
        page = response.read().decode()
    ages: dict[str, float] = {}
    for name, age in _AGE.findall(page):
        # a server of several models is as old as its newest page
        ages[name] = min(float(age), ages.get(name, float("inf")))
    return ages
