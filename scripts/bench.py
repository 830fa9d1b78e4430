"""What the exporter costs, each figure beside a reference measured in the same run.

`make bench` prints: the parser against prometheus_client's; fetch, parse and derive against what
Prometheus itself spends on the same page; a sidecar's memory; the CPU of a large fleet and the
time its metrics page takes. Everything runs on loopback and stops by itself.
"""

import argparse
import asyncio
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, process_time, sleep

import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config, LoadCellSettings, Target
from exporter.engines import detect
from exporter.exposition import Reader
from exporter.fetch import HttpClient
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.sampling.watched_server import WatchedServer

TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run every measurement."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--fleet", type=int, default=500, help="servers of the large fleet")
    arguments.add_argument("--seconds", type=float, default=60.0, help="time a process is watched")
    options = arguments.parse_args()
    recordings = [load_recording(path) for path in bundled_recordings().values()]
    parser(recordings)
    scrape(options.seconds)
    sidecar(options.seconds)
    fleet(options.fleet, options.seconds)


def parser(recordings: list[Recording]) -> None:
    """Compare CPU per page with prometheus_client's text parser, in steady state."""
    for recording in recordings:
        pages = [page.text for page in recording.pages if page.text]
        reader = Reader(detect.wanted)
        _each(reader.read, pages)
        exporter_ms = statistics.median(_each(reader.read, pages) for _ in range(5))
        reference_ms = statistics.median(_each(_reference, pages) for _ in range(2))
        print(
            f"parse {recording.name}: {exporter_ms:.3f} ms a page, "
            f"prometheus_client {reference_ms:.2f} ms, ratio {reference_ms / exporter_ms:.0f}"
        )


def _reference(page: str) -> None:
    list(text_string_to_metric_families(page))


def _each(read: Callable[[str], object], pages: list[str]) -> float:
    """Return the milliseconds of CPU one page takes, all read in turn."""
    start = process_time()
    for page in pages:
        read(page)
    return 1000 * (process_time() - start) / len(pages)


def scrape(seconds: float) -> None:
    """Compare CPU per scrape with Prometheus, one process each, same pages and interval."""
    interval = 0.2
    with replayed(1) as urls:
        with exporter(urls, interval) as (pid, url):
            sleep(5)
            before, count = _process_cpu(pid), _scrapes(url)
            sleep(seconds / 2)
            samples = _scrapes(url) - count
            process_ms = 1000 * (_process_cpu(pid) - before) / samples
        target = Target(url=urls[0])
        # as many samples in the window as at the default interval, however fast they are taken
        config = Config(
            targets=[target],
            interval=interval,
            window=_window(interval),
            load=LoadCellSettings(warm_up=0.0),
        )
        server = WatchedServer(config.targets[0], HttpClient(config.http, 1 << 24), config)
        alone = asyncio.run(_paced(server, 100, interval))
        print(
            f"scrape: fetch + parse + derive {alone:.2f} ms CPU a page; whole exporter process, "
            f"{samples:.0f} samples at {interval} s: {process_ms:.2f} ms a page"
        )
        prometheus = shutil.which("prometheus")
        if prometheus is None:
            print("scrape: prometheus is not installed, so there is no reference")
            return
        prometheus_ms = _prometheus(prometheus, urls[0], interval, seconds / 2)
        print(
            f"scrape: Prometheus {prometheus_ms:.2f} ms CPU a page at {interval} s; ratio of "
            f"fetch + parse + derive to it {alone / prometheus_ms:.2f}, of the whole process "
            f"{process_ms / prometheus_ms:.2f}"
        )


def sidecar(seconds: float) -> None:
    """Watch memory and CPU of an exporter beside one server, at 5 s."""
    with replayed(1) as urls, exporter(urls, 5.0) as (pid, url):
        sleep(10)
        before = _process_cpu(pid)
        for _ in range(max(int(seconds / 10), 1)):
            urllib.request.urlopen(f"{url}metrics", timeout=10).read()
            sleep(10)
        cpu = (_process_cpu(pid) - before) / max(int(seconds / 10), 1) / 10
        print(f"sidecar: {_rss(pid):.1f} MB resident, {100 * cpu:.2f} % of a core")


def fleet(servers: int, seconds: float) -> None:
    """Watch an exporter over many servers at 5 s: CPU, memory, and the time of its page."""
    with replayed(servers) as urls, exporter(urls, 5.0) as (pid, url):
        sleep(15)
        before, start = _process_cpu(pid), monotonic()
        sleep(seconds)
        cpu = (_process_cpu(pid) - before) / (monotonic() - start)
        times = {}
        for name, headers in (("plain", {}), ("gzip", {"Accept-Encoding": "gzip"})):
            request = urllib.request.Request(f"{url}metrics", headers=headers)
            runs = []
            for _ in range(5):
                begin = monotonic()
                size = len(urllib.request.urlopen(request, timeout=60).read())
                runs.append(monotonic() - begin)
            times[name] = (statistics.median(runs), size)
        page = urllib.request.urlopen(f"{url}metrics", timeout=60).read().decode()
        up = len(re.findall(r"^inferfleet_target_up\{[^}]*\} 1\.0$", page, re.M))
        missed = sum(
            float(value)
            for value in re.findall(r"^inferfleet_scrapes_skipped_total\{.*\} (.*)$", page, re.M)
        )
        print(
            f"fleet of {servers} at 5 s: {100 * cpu:.0f} % of a core, {_rss(pid):.0f} MB, "
            f"{up} up, {missed:.0f} samples skipped; /metrics {page.count(chr(10))} lines in "
            + ", ".join(f"{s:.2f} s {n} ({b / 1e6:.1f} MB)" for n, (s, b) in times.items())
        )


_REPLAY = """
import sys, time
from exporter.replay.recording import bundled_recordings, load_recording
from exporter.replay.server import ReplayServer
recording = load_recording(list(bundled_recordings().values())[2])
with ReplayServer([recording], copies=int(sys.argv[1]), stagger=0.3) as replay:
    print("\\n".join(replay.urls), flush=True)
    time.sleep(600)
"""


@contextmanager
def exporter(urls: list[str], interval: float) -> Iterator[tuple[int, str]]:
    """Run the exporter as its users do; yield its process id and address."""
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "config.yaml", _free_port()
        named = [{"url": url, "name": f"s{i}"} for i, url in enumerate(urls)]
        path.write_text(
            yaml.safe_dump(
                {
                    "interval": interval,
                    "timeout": interval * 0.9,
                    "window": _window(interval),
                    "load": {"warm_up": 0},
                    "targets": named,
                }
            )
        )
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "exporter", "serve", "--config", str(path)),
                *("--listen", f"127.0.0.1:{port}", "--log-level", "error"),
            ]
        )
        url = f"http://127.0.0.1:{port}/"
        try:
            _until_answering(f"{url}-/ready")
            yield process.pid, url
        finally:
            process.terminate()
            process.wait()


def _prometheus(program: str, target: str, interval: float, seconds: float) -> float:
    """Return the milliseconds of CPU Prometheus spends on one scrape of a target."""
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "prometheus.yml", _free_port()
        address = target.removeprefix("http://")
        path.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": f"{int(interval * 1000)}ms"},
                    "scrape_configs": [
                        {
                            "job_name": "vllm",
                            "scrape_timeout": f"{int(interval * 900)}ms",
                            "static_configs": [{"targets": [address]}],
                        }
                    ],
                }
            )
        )
        process = subprocess.Popen(
            [
                *(program, f"--config.file={path}", f"--storage.tsdb.path={folder}/data"),
                *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_answering(f"http://127.0.0.1:{port}/-/ready")
            sleep(5)
            before = _process_cpu(process.pid)
            sleep(seconds)
            return 1000 * (_process_cpu(process.pid) - before) / (seconds / interval)
        finally:
            process.terminate()
            process.wait()


def _window(interval: float) -> float:
    return 12 * interval


async def _paced(server: WatchedServer, samples: int, interval: float) -> float:
    """Return the milliseconds of CPU one sample takes, taken at the interval."""
    spent = 0.0
    await server.sample()
    await server.identify()
    for _ in range(samples):
        start = process_time()
        await server.sample()
        spent += process_time() - start
        await asyncio.sleep(interval)
    server.close()
    return 1000 * spent / samples


@contextmanager
def replayed(servers: int) -> Iterator[list[str]]:
    """Play a recording as many servers in a process of its own; yield their addresses."""
    process = subprocess.Popen(
        [sys.executable, "-c", _REPLAY, str(servers)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield [process.stdout.readline().strip() for _ in range(servers)]
    finally:
        process.terminate()
        process.wait()


def _until_answering(url: str) -> None:
    deadline = monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            if monotonic() > deadline:
                raise
            sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def _scrapes(url: str) -> float:
    page = urllib.request.urlopen(f"{url}metrics", timeout=10).read().decode()
    return sum(map(float, re.findall(r"^inferfleet_scrapes_total\{.*\} (.*)$", page, re.M)))


def _process_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _rss(pid: int) -> float:
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else float("nan")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    main()
