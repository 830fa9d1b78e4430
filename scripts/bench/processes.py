"""The processes that are measured: the exporter, Prometheus and the servers both of them read."""

import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config import Config

INTERVAL: Final = Config().interval
_REMOTE: Final = "127.1"
"""Addresses of the loopback network that the exporter takes for other machines."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Replayed servers: their process, where they are, and the file that their arrivals go to."""

    process: subprocess.Popen[bytes]
    addresses: tuple[tuple[str, str], ...]
    arrivals: Path

    def identified(self) -> bool:
        """Whether the exporter has asked each of them for its version."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def stop(self) -> None:
        """End them, whereupon they write their arrivals."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def replayed_servers(count: int, local: bool) -> Iterator[Servers]:
    """Play a recording as many servers, each at an address (host and port, path) of its own.

    With `local` they are at localhost, where the exporter looks up the process behind each.
    """
    with tempfile.TemporaryDirectory() as folder:
        arrivals = Path(folder) / "arrivals"
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.page_server", str(count), str(arrivals)],
            stdout=subprocess.PIPE,
            # what was read ahead would not be seen to wait
            bufsize=0,
        )
        assert process.stdout is not None
        try:
            port = process.stdout.readline().decode().strip()
            addresses = tuple(
                (f"{'127.0.0.1' if local else f'{_REMOTE}.{i // 250}.{i % 250 + 1}'}:{port}", path)
                for i, path in enumerate(f"/s/{i}" for i in range(count))
            )
            yield Servers(process, addresses, arrivals)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def exporter(servers: Servers, settings: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Run the exporter as its users do; yield its process id and address.

    `settings` are added to a configuration that is the default one but for load cells: a server is
    counted at once as if it had run for long.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "config.yaml", _free_port()
        targets = [
            {"url": f"http://{host}{prefix}", "name": f"server-{i}"}
            for i, (host, prefix) in enumerate(servers.addresses)
        ]
        config = {"targets": targets, "load": {"warm_up": 0}, **settings}
        path.write_text(yaml.safe_dump(config))
        command = [
            *(sys.executable, "-m", "exporter", "serve", "--config", str(path)),
            *("--listen", f"127.0.0.1:{port}", "--log-level", "error"),
        ]
        with _running(command) as pid:
            yield pid, f"http://127.0.0.1:{port}/"


@contextmanager
def prometheus(servers: Servers) -> Iterator[int]:
    """Run a Prometheus that scrapes the same servers as often; yield its process id."""
    program = shutil.which("prometheus")
    if program is None:
        sys.exit("prometheus is not installed: run `make programs`")
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "prometheus.yml", _free_port()
        static = [
            {"targets": [host], "labels": {"__metrics_path__": f"{prefix}/metrics"}}
            for host, prefix in servers.addresses
        ]
        scrape = {
            "job_name": "vllm",
            "scrape_interval": f"{INTERVAL:g}s",
            "scrape_timeout": f"{Config().timeout:g}s",
            "static_configs": static,
        }
        path.write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
        command = [
            *(program, f"--config.file={path}", f"--storage.tsdb.path={folder}/data"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"),
        ]
        with _running(command) as pid:
            yield pid


@contextmanager
def _running(command: list[str]) -> Iterator[int]:
    process = subprocess.Popen(command)
    try:
        yield process.pid
        if process.poll() is not None:
            sys.exit(f"{' '.join(command[:4])} ended with {process.returncode} while measured")
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port
