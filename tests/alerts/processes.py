"""Prometheus and Alertmanager as processes of their own, and how a test asks them."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import yaml

from alerts import build

PROMETHEUS: Final = shutil.which("prometheus")
ALERTMANAGER: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
EXAMPLE: Final = Path(build.__file__).parent / "alertmanager" / "alertmanager.yml"
needs_both = pytest.mark.skipif(
    not (PROMETHEUS and ALERTMANAGER),
    reason="prometheus or alertmanager is not installed (prometheus, prometheus-alertmanager)",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The addresses of a Prometheus and of the Alertmanager that gets its alerts."""

    prometheus: str
    alertmanager: str

    def query(self, expr: str) -> list[Any]:
        """Return the vector an expression gives now; empty while there is no answer."""
        found = answer(f"{self.prometheus}/api/v1/query?query={quote(expr)}")
        return found["data"]["result"] if found else []

    def alerts(self) -> list[dict[str, Any]]:
        """Return what Alertmanager holds."""
        found: list[dict[str, Any]] = answer(f"{self.alertmanager}/api/v2/alerts") or []
        return found

    def answers(self) -> bool:
        """Whether both are there."""
        return bool(self.query("vector(1)") and answer(f"{self.alertmanager}/api/v2/status"))


@contextmanager
def monitoring(
    folder: Path,
    rules: Sequence[Path],
    exporters: Mapping[str, Mapping[str, str]],
    scrape: str,
    prometheus: str = "",
) -> Iterator[Pair]:
    """Run both on some rule files, scraping exporters at the interval `scrape`.

    `exporters` are the labels Prometheus adds to an exporter's series, by its address;
    `prometheus` is the address it has, any that is free where not given. Its database is `tsdb` in
    the folder.
    """
    prometheus = prometheus or f"127.0.0.1:{_free_port()}"
    alertmanager = f"127.0.0.1:{_free_port()}"
    settings = {
        "global": {"scrape_interval": scrape, "scrape_timeout": scrape},
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": "inferfleet",
                "honor_labels": True,
                "static_configs": [
                    {"targets": [url.split("//")[1].rstrip("/")], "labels": dict(labels)}
                    for url, labels in exporters.items()
                ],
            }
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with (
        _running(
            ALERTMANAGER,
            folder / "alertmanager.log",
            f"--config.file={EXAMPLE}",
            f"--storage.path={folder / 'am'}",
            f"--web.listen-address={alertmanager}",
            "--cluster.listen-address=",
        ),
        _running(
            PROMETHEUS,
            folder / "prometheus.log",
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={prometheus}",
        ),
    ):
        yield Pair(f"http://{prometheus}", f"http://{alertmanager}")


def answer(url: str, data: object = None) -> Any:
    """Return what a server answers as JSON, or nothing while it does not answer."""
    body = None if data is None else json.dumps(data).encode()
    request = Request(url, body, {"Content-Type": "application/json"})
    with suppress(URLError, ConnectionError), urlopen(request, timeout=5) as reply:
        return json.loads(reply.read() or b"true")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def _running(program: str | None, log: Path, *arguments: str) -> Iterator[None]:
    assert program
    with log.open("wb") as out:
        process = subprocess.Popen([program, *arguments], stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)
