"""Servers and the exporter as child processes; each child is ended by its own number."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from .http_get import get

_MAIN: Final = "from vllm.entrypoints.cli.main import main"
_ENTRY: Final = f"""import sys
{_MAIN}
if __name__ == "__main__":
    sys.exit(main())
"""
_WRAPPER: Final = f"""import sys
{_MAIN}
if __name__ == "__main__":
    sys.argv[1:1] = ["serve"]
    main()
"""
_ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One server to start: how, on which GPUs, with which options beside those of every server."""

    name: str
    launcher: str
    gpus: tuple[int, ...]
    options: tuple[str, ...] = ()


ROUNDS: Final = (
    (Plan("console", "console script", (0,)), Plan("module", "python -m", (1,))),
    (Plan("wrapper", "wrapper script", (0,)), Plan("code", "python -c", (1,))),
    (Plan("tp2", "wrapper script", (0, 1), ("--tensor-parallel-size", "2")),),
    (Plan("dp2", "wrapper script", (0, 1), ("--data-parallel-size", "2")),),
)
"""Servers of one round run at once, each on GPUs of its own."""


@dataclass(slots=True)
class Child:
    """A process that was started here, in a session of its own, with its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def log_end(self, characters: int = 3000) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]

    def end(self) -> None:
        """End it and what it has started in its session, gently first."""
        for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


@dataclass(slots=True)
class Launch:
    """A server under way."""

    plan: Plan
    port: int
    arguments: list[str]
    child: Child = field(repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether the server has loaded its model."""
        try:
            get(f"{self.url}/health", 2)
        except OSError:
            return False
        return True


def launch(
    plan: Plan, port: int, model: Path, folder: Path, python_path: str, extra: Sequence[str]
) -> Launch:
    """Start a server the way its plan says."""
    scripts = {"vllm": _ENTRY, "my_server.py": _WRAPPER}
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = {
        "console script": [str(folder / "vllm"), "serve", str(model)],
        "python -m": ["-m", "vllm.entrypoints.openai.api_server", "--model", str(model)],
        "wrapper script": [str(folder / "my_server.py"), str(model)],
        "python -c": ["-c", f"{_MAIN}; main()", "serve", str(model)],
    }[plan.launcher]
    arguments = [
        *command,
        *("--host", "127.0.0.1", "--port", str(port), "--load-format", "dummy"),
        *("--served-model-name", "small-1b", "--max-model-len", "4096", "--max-num-seqs", "128"),
        *("--gpu-memory-utilization", "0.5", *plan.options, *extra),
    ]
    visible = ",".join(map(str, plan.gpus))
    environment = {**_ENVIRONMENT, "CUDA_VISIBLE_DEVICES": visible, "PYTHONPATH": python_path}
    child = _start([sys.executable, *arguments], environment, folder / f"{plan.name}.log")
    return Launch(plan, port, arguments, child)


def wait_for(launches: Sequence[Launch], seconds: float) -> list[Launch]:
    """Return the servers that answer, after all do, or have ended, or the time is up."""
    end = monotonic() + seconds
    ready = list[Launch]()
    while monotonic() < end:
        waiting = [
            server
            for server in launches
            if server not in ready and server.child.process.poll() is None
        ]
        if not waiting:
            break
        ready += [server for server in waiting if server.answers()]
        sleep(0.5)
    return ready


def launch_exporter(launches: Sequence[Launch], port: int, folder: Path, python_path: str) -> Child:
    """Start `inferfleet serve` over the servers, a sample a second."""
    config = {
        "interval": "1s",
        "window": "20s",
        "identity_refresh": "5s",
        "targets": [{"url": server.url, "name": server.plan.name} for server in launches],
        "gpu": {"interval": "1s"},
        "load": {"warm_up": "0s"},
        "web": {"listen": f"127.0.0.1:{port}"},
    }
    path = folder / "inferfleet.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "exporter", "serve", "--config", str(path)]
    return _start(command, {"PYTHONPATH": python_path}, folder / "exporter.log")


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Child(process, log)
