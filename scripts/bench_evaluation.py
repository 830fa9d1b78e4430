"""What the upgrade rules cost a Prometheus that watches many servers, half of them upgraded.

Prometheus scrapes a page of synthetic load cells and evaluates the generated rules; printed are the
seconds an evaluation takes by group, against the interval the rules ship with. The long windows are
only as full as the run is long.
"""

import argparse
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep, time

import yaml

from alerts.model import as_dict
from alerts.recording.matched import groups_for
from alerts.recording.settings import Settings
from alerts.values import load
from exporter.base.units import parse_duration
from exporter.derive.load_cell import QUANTITIES

CELLS = ("6", "8", "12", "16", "24", "32", "48", "64")
SCRAPE = 15


class Page:
    """Cells of many servers; each spends its time in two neighbouring cells, wandering."""

    def __init__(self, servers: int) -> None:
        self._random = random.Random(1)
        self._servers = servers
        self._began = time()
        self._counters: dict[tuple[int, str], list[float]] = {}

    def text(self) -> bytes:
        """Move every counter on by a scrape's worth of work and return the page."""
        lines = []
        for server in range(self._servers):
            release = "new" if server % 2 and time() - self._began > 60 else "old"
            labels = (
                f'target="s{server}",engine="vllm",release="{release}",model="m",'
                f'gpu_model="H100",class="c0"'
            )
            lines.append(f'inferfleet_server_info{{{labels},version="0.20.{len(release)}"}} 1')
            at = self._random.randrange(len(CELLS) - 1)
            for cell in CELLS:
                totals = self._counters.setdefault(
                    (server, release + cell), [0.0] * len(QUANTITIES)
                )
                if cell in CELLS[at : at + 2]:
                    self._add(totals, float(cell) * self._random.uniform(0.75, 1.0))
                for quantity, value in zip(QUANTITIES, totals, strict=True):
                    lines.append(
                        f'inferfleet_load_{quantity}_total{{{labels},batch="{cell}"}} {value!r}'
                    )
        return ("\n".join(lines) + "\n").encode()

    def _add(self, totals: list[float], batch: float) -> None:
        seconds, q = SCRAPE / 2, self._random.uniform(3, 7)
        step = (12 + 0.03 * batch + 0.05 * q * batch) * self._random.uniform(0.98, 1.02) / 1000
        tokens = batch / step * seconds
        work = {
            "seconds": seconds,
            "gpu_seconds": seconds,
            "decode_sequence_seconds": batch * seconds,
            "decode_tokens": tokens,
            "prefill_tokens": q * tokens,
            "context_token_seconds": batch * 2500 * seconds,
            "first_tokens": tokens / 250,
            "first_token_seconds": tokens / 250 * 0.2,
            "finished_prefill_tokens": q * tokens,
            "finished_prefill_seconds": tokens / 250 * 0.15 * q / 5,
            "joules": 400 * seconds,
        }
        for i, quantity in enumerate(QUANTITIES):
            totals[i] += work.get(quantity, 0.0)


def main() -> None:
    """Run Prometheus beside the page for a while and print its groups' times."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--servers", type=int, default=1000)
    arguments.add_argument("--seconds", type=float, default=300.0)
    options = arguments.parse_args()
    program = shutil.which("prometheus")
    if program is None:
        print("rules: prometheus is not installed, so their cost is not measured")
        return
    page = Page(options.servers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # the windows of the shipped rules, evaluated more often so that a short run sees several
    shipped = load().matched
    settings = shipped.model_copy(
        update={"interval": "1m", "curve_interval": "1m", "warm_up": 0.0, "cell_time": 360.0}
    )
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), settings, server.server_address[1])
        with socket.create_server(("127.0.0.1", 0)) as bound:
            port = bound.getsockname()[1]
        process = subprocess.Popen(
            [
                *(program, f"--config.file={folder}/prometheus.yml"),
                *(f"--storage.tsdb.path={folder}/data", "--log.level=error"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            preexec_fn=lambda: os.nice(10) and None,
        )
        try:
            worst = _watch(f"http://127.0.0.1:{port}/metrics", options.seconds)
        finally:
            process.terminate()
            process.wait()
    server.shutdown()
    for group, seconds in worst.items():
        interval = shipped.interval if group.endswith("load") else shipped.curve_interval
        print(
            f"{group}: {options.servers} servers, worst evaluation {seconds:.2f} s, "
            f"{100 * seconds / parse_duration(interval):.1f} % of its interval of {interval}"
        )


def _write(folder: Path, settings: Settings, port: int) -> None:
    rules = [
        {"name": g.name, "interval": g.interval, "rules": [as_dict(r) for r in g.rules]}
        for g in groups_for(settings)
    ]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": rules}), encoding="utf-8")
    config = {
        "global": {"scrape_interval": f"{SCRAPE}s", "scrape_timeout": f"{SCRAPE}s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": "inferfleet",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


def _watch(url: str, seconds: float) -> dict[str, float]:
    worst: dict[str, float] = {}
    end = monotonic() + seconds
    while monotonic() < end:
        sleep(5)
        try:
            text = urllib.request.urlopen(url, timeout=10).read().decode()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("prometheus_rule_group_last_duration_seconds{"):
                group = line.partition(";")[2].partition('"')[0]
                worst[group] = max(worst.get(group, 0.0), float(line.rpartition(" ")[2]))
            if line.startswith("prometheus_rule_evaluation_failures_total{"):
                failures = float(line.rpartition(" ")[2])
                if failures:
                    worst[f"failed evaluations {line.partition(';')[2][:40]}"] = failures
    return worst


if __name__ == "__main__":
    main()
