"""What one comparison of a large fleet costs: 1,000 servers over 30 days, from an API of its own.

A second process plays Prometheus: it answers range queries for every cell of every server, half of
the servers upgraded on day 15 to a release 5 % slower. Printed are the wall time and the peak
memory of the `inferfleet compare` process, the time the API took to answer included.
"""

import argparse
import json
import multiprocessing
import re
import resource
import subprocess
import sys
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from urllib.parse import parse_qs

import numpy as np

EDGES = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0]
PATTERNS = 16
BEGIN = 1_700_006_400.0
SLOWER = 0.95


def labels_of(server: int, side: int, cell: int | None = None) -> dict[str, str]:
    """Return a server's labels, of a cell where one is options."""
    labels = {
        "target": f"node-{server:04d}:8000",
        "engine": "vllm",
        "release": ("0.20.2", "0.26.0")[side],
        "model": "llama-3-70b",
        "gpu_model": "NVIDIA H200",
        "class": "0badcafe",
    }
    if cell is not None:
        labels["batch"] = f"{EDGES[cell]:g}"
    return labels


@lru_cache(maxsize=4096)
def text_of(
    quantity: str, cell: int, side: int, pattern: int, width: float, count: int
) -> list[str]:
    """Return a cell's increases over all windows, each as the text of a sample."""
    random = np.random.default_rng(pattern)
    spent = width / len(EDGES) * random.uniform(0.7, 1.3, count)
    batch = EDGES[cell] * 0.85
    share = random.uniform(2.0, 6.0, count)
    token = (11.0 + 0.1 * batch + 0.05 * share * batch) / 1000
    token = token * np.exp(0.01 * random.standard_normal(count)) / (SLOWER if side else 1.0)
    tokens = batch * spent / token
    increases = {
        "seconds": spent,
        "gpu_seconds": 4 * spent,
        "decode_sequence_seconds": batch * spent,
        "decode_tokens": tokens,
        "prefill_tokens": share * tokens,
        "context_token_seconds": 3000 * batch * spent,
        "saturated_seconds": 0 * spent,
        "first_tokens": tokens / 200,
        "first_token_seconds": tokens / 200 * 0.2,
        "finished_prefill_tokens": share * tokens,
        "finished_prefill_seconds": share * tokens * token / 400,
        "joules": 2000 * spent,
        "metered_decode_tokens": tokens,
    }.get(quantity)
    if increases is None:
        return []
    ends = BEGIN + width * (1 + np.arange(count))
    return [f'[{end:.0f},"{value:.6f}"]' for end, value in zip(ends, increases, strict=True)]


class Handler(BaseHTTPRequestHandler):
    """Answers the queries of `inferfleet compare`; the server has the fleet's size and days."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path.endswith("/series"):
            data = json.dumps(self.series_labels(form["match[]"][0]))
        else:
            series = ",".join(self.matrix(form["query"][0], form))
            data = f'{{"resultType":"matrix","result":[{series}]}}'
        body = f'{{"status":"success","data":{data}}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def lives(self) -> list[tuple[int, int]]:
        servers = self.server.servers  # type: ignore[attr-defined]
        return [(i, 0) for i in range(servers)] + [(i, 1) for i in range(servers // 2)]

    def series_labels(self, match: str) -> list[dict[str, str]]:
        if match == "inferfleet_server_info":
            return [
                {**labels_of(*life), "version": labels_of(*life)["release"]}
                for life in self.lives()
            ]
        if match.startswith("inferfleet_load"):
            return [labels_of(*life, cell) for life in self.lives() for cell in range(len(EDGES))]
        return []

    def matrix(self, query: str, form: dict[str, list[str]]) -> list[str]:
        match = re.search(r"inferfleet_load_(\w+)_total\{.*\[(\d+)s\]", query)
        if not match:
            return []
        quantity, width = match[1], float(match[2])
        days = self.server.days  # type: ignore[attr-defined]
        count = int(days * 86_400 / width)
        first = max(round((float(form["start"][0]) - BEGIN) / width) - 1, 0)
        last = min(round((float(form["end"][0]) - BEGIN) / width), count)
        series = list[str]()
        for server, side in self.lives():
            upgraded = server < self.server.servers // 2  # type: ignore[attr-defined]
            low = max(first, count // 2) if side else first
            high = min(last, count // 2) if upgraded and not side else last
            if low >= high:
                continue
            for cell in range(len(EDGES)):
                text = text_of(quantity, cell, side, (server + cell) % PATTERNS, width, count)
                if text:
                    series.append(
                        f'{{"metric":{json.dumps(labels_of(server, side, cell))},'
                        f'"values":[{",".join(text[low:high])}]}}'
                    )
        return series


def serve(pipe: "multiprocessing.connection.Connection", servers: int, days: float) -> None:
    """Answer until killed; send the port first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.servers, server.days = servers, days  # type: ignore[attr-defined]
    pipe.send(server.server_address[1])
    server.serve_forever()


def main() -> None:
    """Measure one comparison."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--servers", type=int, default=1000)
    arguments.add_argument("--days", type=float, default=30.0)
    options = arguments.parse_args()
    receiver, sender = multiprocessing.Pipe()
    api = multiprocessing.Process(
        target=serve, args=(sender, options.servers, options.days), daemon=True
    )
    api.start()
    port = receiver.recv()
    command = [sys.executable, "-m", "exporter", "compare"]
    command += ["--prometheus", f"http://127.0.0.1:{port}", "--json"]
    command += ["--baseline", 'version="0.20.2"', "--candidate", 'version="0.26.0"']
    command += ["--from", f"{BEGIN:.0f}", "--to", f"{BEGIN + options.days * 86_400:.0f}"]
    begin = monotonic()
    answer = subprocess.run(command, capture_output=True, text=True)
    wall = monotonic() - begin
    if answer.returncode:
        raise SystemExit(answer.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    report = json.loads(answer.stdout)
    decode = report["comparisons"][0]["measures"][0]
    print(report["headline"])
    print(
        f"compare: {options.servers} servers, {options.days:g} days, windows of "
        f"{report['window_seconds'] / 60:.0f} min: "
        f"{wall:.1f} s ({cpu:.1f} s of CPU, the API's "
        f"own not counted), {peak:.0f} MB at most; decode "
        f"{decode['estimate']['ratio']:.4f}, truth {SLOWER}"
    )
    api.terminate()
    api.join()


if __name__ == "__main__":
    main()
