"""Measures the dashboards' queries over a large fleet: `python -m scripts.bench_dashboards`.

One replayed server's published series are copied to so many servers, half of them on the older
release, with its own rates; recorded series are written out. Each query is asked as Grafana does
over an hour, and the slowest are printed. Takes some minutes and about 3 GB of disk.
"""

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Final

from alerts.values import load
from dashboards.build import dashboards
from tests.dashboards import database, panel_queries, replayed_fleet, verdicts
from tests.prometheus import fill

SERVERS: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SPAN: Final = 3600
SCRAPE: Final = 60
MODEL: Final = "dense-a"
SELECTED: Final = {
    "server": {"target": "server-0001"},
    "upgrade": {**verdicts.UPGRADED, **verdicts.RELEASES, "claim": "56"},
}
_NAME: Final = re.compile(r"(?<![\w:])(?:\w+:)?inferfleet_[\w:]*")


def main() -> None:
    """Fill a database, ask every query twice, print what was slow."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        counted = 0

        def lines() -> Iterator[str]:
            nonlocal counted
            for line in database.openmetrics(_pages()):
                counted += 1
                yield line

        started = perf_counter()
        fill(folder, lines())
        print(f"{SERVERS} servers, {counted:,} samples, filled in {perf_counter() - started:.0f} s")
        with database.prometheus(folder, lookback="5m") as url:
            _ask(url)


def _ask(url: str) -> None:
    end = replayed_fleet.EPOCH + SPAN
    timings = list[tuple[float, str]]()
    for name, dashboard in dashboards(load()).items():
        values = panel_queries.variable_values(dashboard, SELECTED.get(name, {}))
        values |= {"__rate_interval": f"{4 * SCRAPE}s", "__range": f"{SPAN}s"}
        total = 0.0
        for panel in panel_queries.panels(dashboard):
            for target in panel.get("targets", ()):
                expr, instant = (
                    panel_queries.interpolated(target["expr"], values),
                    bool(target.get("instant")),
                )
                best = min(_time(url, expr, end, instant) for _ in range(2))
                total += best
                timings.append((best, f"{name} / {panel['title']} / {target['refId']}"))
        print(f"{name:9} {total:6.2f} s for all its queries, one after another")
    print("slowest:")
    for seconds, where in sorted(timings, reverse=True)[:10]:
        print(f"{seconds:7.3f} s  {where}")


def _time(url: str, expr: str, end: float, instant: bool) -> float:
    started = perf_counter()
    panel_queries.run_query(url, expr, end - SPAN, end, instant)
    return perf_counter() - started


def _used(*names: str) -> set[str]:
    """Return the series that these dashboards ask for."""
    everything = dashboards(load())
    exprs = [
        target["expr"]
        for name in names
        for panel in panel_queries.panels(everything[name])
        for target in panel.get("targets", ())
    ]
    return {name for expr in exprs for name in _NAME.findall(expr)}


def _pages() -> Iterator[tuple[float, str]]:
    """Yield a large fleet's pages: the lines of one server, copied, going on at their own rates."""
    shape = replayed_fleet.Shape(seconds=1800.0, upgrade=300.0, outage=1e9)
    pages = [_values(text) for _, text in replayed_fleet.pages(shape)]
    first, last = pages[-21], pages[-1]
    fleet = _used("fleet", "upgrade", "cache", "gpu", "slo", "exporter")
    everything = _used(*dashboards(load()))
    per_second = {head: (value - first.get(head, value)) / 600 for head, value in last.items()}
    for now in range(0, SPAN + 1, SCRAPE):
        lines = list[str]()
        for number in range(SERVERS):
            names = everything if number < 2 else fleet
            for head, value in last.items():
                name = head.partition("{")[0]
                if name in names:
                    counter = name.endswith(("_total", "_sum", "_count", "_bucket"))
                    here = value + per_second[head] * now if counter else value
                    lines.append(f"{_copied(head, number)} {here!r}")
        lines += _recorded(fleet, now)
        yield replayed_fleet.EPOCH + now, "\n".join(lines)


def _values(text: str) -> Mapping[str, float]:
    """Return one server's lines, and those of its GPU, without the exporter's other ones."""
    gpu = f'uuid="{_gpu()}"'
    lines = [line for line in text.splitlines() if f'target="{MODEL}"' in line or gpu in line]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def _gpu() -> str:
    from tests.dashboards.telemetry import uuid

    return uuid(MODEL)


def _copied(head: str, number: int) -> str:
    copy = head.replace(f'"{MODEL}"', f'"server-{number:04d}"')
    copy = copy.replace(_gpu(), f"GPU-{number:04d}")
    return copy.replace('release="0.26.0"', 'release="0.20.2"') if number % 2 else copy


def _recorded(used: set[str], now: int) -> list[str]:
    lines = verdicts.page(now + 1e5, 0.0).splitlines()
    written = {line.partition("{")[0] for line in lines}
    shown = {"engine": "vllm", **verdicts.UPGRADED}
    labels = ",".join(f'{name}="{value}"' for name, value in shown.items())
    for name in sorted(name for name in used - written if ":" in name):
        level = name.partition(":")[0]
        if level == "target":
            lines += [
                f'{name}{{target="server-{n:04d}",model="dense-8b"}} 0.99' for n in range(SERVERS)
            ]
        elif level == "release":
            lines += [
                f'{name}{{{labels},release="{release}",cache="local"}} 0.5'
                for release in ("0.20.2", "0.26.0")
            ]
        else:
            lines.append(f'{name}{{model="dense-8b",cache="local"}} 0.5')
    return lines


if __name__ == "__main__":
    main()
