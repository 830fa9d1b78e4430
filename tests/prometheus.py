"""A real Prometheus as a process of its own, and the promtool that writes its blocks."""

import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.waiting import until

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus or promtool is not installed (Debian package prometheus)",
)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def promtool(*arguments: str) -> None:
    """Run promtool; fail with what it says."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def fill(folder: Path, lines: Iterable[str]) -> None:
    """Write blocks of OpenMetrics lines into a database's folder."""
    text = folder.with_suffix(".txt")
    with text.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    # each block costs a reading of the whole text
    long = "--max-block-duration=162h"
    promtool("tsdb", "create-blocks-from", long, "openmetrics", str(text), str(folder))
    text.unlink()


@contextmanager
def prometheus(folder: Path, *flags: str, config: str = "global: {}\n") -> Iterator[str]:
    """Run a Prometheus on a database's folder; yield its address. Its log lies beside."""
    settings, url = folder.with_suffix(".yml"), f"http://127.0.0.1:{free_port()}"
    settings.write_text(config, encoding="utf-8")
    with folder.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={settings}",
                f"--storage.tsdb.path={folder}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address={url.removeprefix('http://')}",
                *flags,
            ],
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: process.poll() is not None or answers(f"{url}/-/ready"), 60)
            assert process.poll() is None, log.name
            yield url
        finally:
            process.terminate()
            process.wait(30)


def answers(url: str) -> bool:
    """Whether an address answers, and with no fault."""
    try:
        with urlopen(url, timeout=5):
            return True
    except (HTTPError, URLError, ConnectionError, TimeoutError):
        return False
