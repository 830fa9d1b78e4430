"""Child processes with a log; each is ended by its own number, with what it has started."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Child:
    """A process that was started here, in a session of its own, with its log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def log_end(self, characters: int = 3000) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]

    def end(self) -> None:
        """End it and what it has started in its session, gently first."""
        for number, patience in ((signal.SIGTERM, 30), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
    """Start a command with variables of its own; its log is added to."""
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


def free_port() -> int:
    """Return a port of this machine that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
