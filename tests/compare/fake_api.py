"""A Prometheus API that answers from a fleet in memory, with the limits and faults a test asks."""

import json
import re
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from exporter.compare.fleet.windows import Fleet
from tests.loopback import LoopbackServer

Fault = Callable[[int, str], tuple[int, str | bytes] | None]


class FakeApi(LoopbackServer):
    """Serves the fleet's windows as increases.

    `most_values` is how many samples one answer may hold; `fault` is asked before each answer with
    the request's number and path, and may return a status and body instead. `queries` and
    `headers` keep what was asked.
    """

    def __init__(
        self,
        fleet: Fleet,
        most_values: int = 10**9,
        fault: Fault | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.fleet, self.most_values, self.fault = fleet, most_values, fault
        self.queries: list[dict[str, str]] = []
        self.headers: dict[str, str] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()}
                fake.queries.append(form)
                fake.headers = dict(self.headers.items())
                status, body = fake.answer(self.path, form)
                data = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    return

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(Handler, "https" if tls else "http")
        # a client that turns away from an unknown certificate is what a test is about
        self._server.handle_error = lambda *args: None  # type: ignore[method-assign]
        if tls:
            # the handshake belongs to the connection's own thread, not to the one that accepts
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, str | bytes]:
        """Return status and body of one request."""
        if self.fault and (refusal := self.fault(len(self.queries), path)):
            return refusal
        if path.endswith("/series"):
            span = float(form["start"]), float(form["end"])
            return 200, success(self._series(form["match[]"], *span))
        series = self._matrix(form)
        if sum(len(item["values"]) for item in series) > self.most_values:
            return 422, json.dumps(
                {"status": "error", "error": "query processing would load too many samples"}
            )
        return 200, success({"resultType": "matrix", "result": series})

    def _series(self, match: str, start: float, end: float) -> list[dict[str, str]]:
        windows, series = self.fleet.windows, list[dict[str, str]]()
        for i, server in enumerate(windows.servers):
            times = windows.time[windows.server == i]
            if len(times) and (times.max() + windows.width < start or times.min() > end):
                continue
            if match == "inferfleet_server_info":
                series.append({"target": server.target, **self.fleet.facts[i].labels})
            elif match.startswith("inferfleet_load"):
                series += [
                    {**server.labels, "engine_index": "0", "batch": f"{batch:g}"}
                    for batch in np.unique(windows.batch[windows.server == i])
                ]
        return series

    def _matrix(self, form: dict[str, str]) -> list[dict[str, Any]]:
        query, start, end = form["query"], float(form["start"]), float(form["end"])
        windows, lookups = self.fleet.windows, self.fleet.lookups
        if match := re.search(r"inferfleet_load_(\w+)_total\{", query):
            keys = [
                (i, b)
                for i in range(len(windows.servers))
                for b in np.unique(windows.batch[windows.server == i])
            ]
            values = windows.column(match[1])
            series = []
            for i, batch in keys:
                rows = (windows.server == i) & (windows.batch == batch) & ~np.isnan(values)
                labels = {**windows.servers[i].labels, "batch": f"{batch:g}"}
                series.append(
                    _range_series(
                        labels, windows.time[rows] + windows.width, values[rows], start, end
                    )
                )
            return [item for item in series if item["values"]]
        if (match := re.search(r"prefix_cache_(queried|hit)_tokens", query)) and lookups:
            values = lookups.queried if match[1] == "queried" else lookups.hit
            return [
                _range_series(
                    {"target": windows.servers[i].target},
                    lookups.time[lookups.server == i] + windows.width,
                    values[lookups.server == i],
                    start,
                    end,
                )
                for i in np.unique(lookups.server)
            ]
        if "last_over_time(inferfleet_server_info[" in query:
            return [
                _range_series({**facts.labels}, times, np.ones(len(times)), start, end)
                for i, facts in enumerate(self.fleet.facts)
                if len(times := self._evaluated(i, start, end, float(form["step"])))
            ]
        if match := re.search(r"\(inferfleet_(\w+)\)$", query):
            return self._gauges(match[1], start, end, float(form["step"]))
        return []

    def _evaluated(self, server: int, start: float, end: float, step: float) -> np.ndarray:
        """Return the times at which a server had run within the step before."""
        windows = self.fleet.windows
        times = windows.time[windows.server == server]
        moments = np.arange(start, end + 1, step)
        if not len(times):
            return moments[:0]
        inside = (moments >= times.min()) & (moments - step <= times.max() + windows.width)
        return np.asarray(moments[inside])

    def _gauges(self, name: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        windows, series = self.fleet.windows, list[dict[str, Any]]()
        moments = np.arange(start, end + 1, step)
        for i, facts in enumerate(self.fleet.facts):
            times = windows.time[windows.server == i]
            value = facts.limits.get(name)
            if name == "server_start_time_seconds" and facts.starts:
                value = facts.starts[0]
            if value is None or not len(times):
                continue
            inside = moments[(moments >= times.min()) & (moments <= times.max() + windows.width)]
            labels = {"target": windows.servers[i].target}
            series.append(_range_series(labels, inside, np.full(len(inside), value), start, end))
        return series


def success(data: object) -> str:
    return json.dumps({"status": "success", "data": data})


def _range_series(
    labels: dict[str, str], times: np.ndarray, values: np.ndarray, start: float, end: float
) -> dict[str, Any]:
    inside = (times >= start - 1e-6) & (times <= end + 1e-6)
    order = np.argsort(times[inside])
    pairs = zip(times[inside][order], values[inside][order], strict=True)
    return {"metric": labels, "values": [[float(t), repr(float(v))] for t, v in pairs]}


def slow(api: FakeApi) -> tuple[int, str]:
    """Answer only when the test ends: a hung API."""
    api.released.wait(30)
    return 200, success([])
