"""A made-up fleet, pages that can be told what to do, and a client for one request."""

import http.client
import ssl
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from exporter.base.errors import ConfigError
from exporter.web import rendering
from exporter.web.app import Backend
from exporter.web.server import WebServer

DEADLINE = 10.0


@dataclass
class Desk:
    """What the web side is served in tests; change an attribute and the next answer changes."""

    fleet: Mapping[str, object] = field(default_factory=dict)
    metrics: Callable[[], Iterable[bytes]] = lambda: [b"inferfleet_up 1\n"]
    is_healthy: bool = True
    is_ready: bool = True
    reload_fault: str | None = None
    reloads: int = 0

    def pages(self) -> Backend:
        """Return the callables the server asks."""
        return Backend(
            metrics=lambda: self.metrics(),
            fleet=lambda: self.fleet,
            healthy=lambda: self.is_healthy,
            ready=lambda: self.is_ready,
            reload=self._reload,
            config=lambda: "targets: [http://10.0.0.5:8000]\n",
        )

    def _reload(self) -> Future[None]:
        reload = Future[None]()
        if self.reload_fault is not None:
            reload.set_exception(ConfigError(self.reload_fault))
        else:
            self.reloads += 1
            reload.set_result(None)
        return reload


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def connect(server: WebServer, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """Return a connection to a running server, not yet opened."""
    if tls is not None:
        return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=DEADLINE, context=tls)
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)


def ask(
    server: WebServer,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask one thing over a connection of its own."""
    connection = connect(server, tls)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers.items()), response.read())
    finally:
        connection.close()


def server_entry(target: str, **values: Any) -> dict[str, Any]:
    """Return one server of the fleet, well unless told otherwise."""
    return {
        "target": target,
        "url": f"http://{target}",
        "up": True,
        "error": None,
        "error_reason": None,
        "age_seconds": 1.2,
        "engine": "vllm",
        "engine_title": "vLLM",
        "version": "0.26.0",
        "release": "0.26.0",
        "model": "dense-8b",
        "gpus": 1,
        "gpus_source": "server_info",
        "requests_running": 240,
        "requests_waiting": 12,
        "kv_cache_usage_ratio": 0.33,
        "generation_tokens_per_second": 5600.1,
        "generation_tokens_per_second_per_gpu": 5600.1,
        "batch_occupancy_ratio": 0.94,
        "prefix_cache_hit_ratio": {"local": 0.74, "external": None},
        "bound": "sequences",
        "stalled": False,
        "history": [[1795468500.0, 5500.0], [1795468505.0, 5600.0], [1795468510.0, 5580.0]],
        "facts": {"max_num_seqs": {"value": 256, "source": "server_info"}},
        "conflicts": [],
        "notes": [],
        **values,
    }


@pytest.fixture(autouse=True)
def unshared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share a page with those only who ask while it is written."""
    monkeypatch.setattr(rendering, "SHARED_SECONDS", 0.0)


@pytest.fixture
def fleet() -> dict[str, Any]:
    """Five servers: one well, one down, one stalled, one stale, one hardly known."""
    servers = [
        server_entry("b-well:8000"),
        server_entry(
            "z-down:8000", up=False, error="z-down refused the connection", error_reason="connect"
        ),
        server_entry("y-stalled:8000", stalled=True, version="0.20.2", release="0.20.2"),
        server_entry("x-stale:8000", age_seconds=61.0),
        {"target": "a-unknown:8000", "up": True},
    ]
    return {
        "generated_at": 1795468520.1,
        "inferfleet_version": "0.1.0",
        "interval_seconds": 5,
        "window_seconds": 60,
        "totals": {"servers": 5, "up": 4, "gpus": 4, "batch_occupancy_ratio": 0.42},
        "problems": ["dns_sd: the name server does not answer."],
        "servers": servers,
    }


@pytest.fixture
def desk(fleet: dict[str, Any]) -> Desk:
    """Pages over the made-up fleet."""
    return Desk(fleet)
