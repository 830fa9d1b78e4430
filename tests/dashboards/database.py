"""A real Prometheus over made-up time: blocks from the exporter's pages, and from the rules.

promtool writes the blocks. Rules stand on rules, so they are computed in layers: each layer is
computed by a Prometheus that holds those below it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from alerts.promql import RECORDED, records_under
from tests.dashboards.replayed_fleet import INSTANCE
from tests.prometheus import prometheus as running
from tests.prometheus import promtool

LOOKBACK = "1m"
_SCRAPE_LABELS = f'job="inferfleet",instance="{INSTANCE}"'


def openmetrics(pages: Iterable[tuple[float, str]], **labels: str) -> Iterator[str]:
    """Yield pages as OpenMetrics with times, as scraped under a job, an instance and `labels`."""
    added = ",".join([_SCRAPE_LABELS, *(f'{name}="{value}"' for name, value in labels.items())])
    for time, text in pages:
        for line in text.splitlines():
            if line.startswith("#") or not line:
                continue
            name, brace, rest = line.partition("{")
            if brace:
                yield f"{name}{{{added},{rest} {time:.3f}\n"
            else:
                name, value = line.split()
                yield f"{name}{{{added}}} {value} {time:.3f}\n"
    yield "# EOF\n"


def with_dependencies(
    groups: Sequence[Mapping[str, Any]], names: set[str]
) -> list[Mapping[str, Any]]:
    """Return the recording rules of some names, and those they stand on."""
    rules = [rule for group in groups for rule in group["rules"] if "record" in rule]
    needed = records_under(names, ((rule["record"], rule["expr"]) for rule in rules))
    return [{"rules": [rule for rule in rules if rule["record"] in needed]}]


def record(folder: Path, groups: Sequence[Mapping[str, Any]], start: float, end: float) -> None:
    """Compute recording rules over a time and write their blocks beside the others."""
    file = folder.with_suffix(".rules.yaml")
    for layer in layers(groups):
        text = yaml.safe_dump({"groups": [{"name": "layer", "interval": "30s", "rules": layer}]})
        file.write_text(text, encoding="utf-8")
        with prometheus(folder) as url:
            promtool(
                *("tsdb", "create-blocks-from", "rules", f"--start={start:.0f}"),
                *(f"--end={end:.0f}", f"--url={url}", f"--output-dir={folder}"),
                *("--eval-interval=30s", str(file)),
            )


def layers(groups: Sequence[Mapping[str, Any]]) -> list[list[dict[str, str]]]:
    """Return the recording rules so that each stands only on those of earlier layers."""
    rules = [rule for group in groups for rule in group["rules"] if "record" in rule]
    depth: dict[str, int] = {}
    for rule in rules:
        below = [depth[name] for name in RECORDED.findall(rule["expr"]) if name in depth]
        depth[rule["record"]] = max(depth.get(rule["record"], 0), max(below, default=-1) + 1)
    by_depth: list[list[dict[str, str]]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for rule in rules:
        by_depth[depth[rule["record"]]].append(dict(rule))
    return by_depth


def prometheus(folder: Path, lookback: str = LOOKBACK) -> AbstractContextManager[str]:
    """Run a Prometheus on a database that answers large queries; yield its address."""
    return running(folder, f"--query.lookback-delta={lookback}", "--query.max-samples=500000000")
