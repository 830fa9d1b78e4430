"""Measures what `inferfleet top` costs: CPU and memory of its process over a replayed fleet.

    python -m scripts.bench_top [--servers 100] [--seconds 60]

The command runs on a terminal of 120 x 40 characters, whose bytes are counted, as a user runs it:
every 2 s, with the fleet's table in view. Servers are replayed by another process.
"""

import argparse
import fcntl
import multiprocessing
import os
import pty
import select
import struct
import sys
import termios
from multiprocessing.synchronize import Event
from time import monotonic
from typing import Final

from exporter.replay.recording import bundled_recordings, load_recording
from exporter.replay.server import ReplayServer

_RECORDING: Final = "vllm-dense-0.26.0"
_SIZE: Final = (120, 40)
_SETTLED: Final = 15.0
"""Seconds until all servers are known; CPU is counted from then on."""


def replay(servers: int, urls: "multiprocessing.Queue[list[str]]", stopped: Event) -> None:
    """Play a recording as so many servers until told to stop."""
    recording = load_recording(bundled_recordings()[_RECORDING])
    with ReplayServer([recording], copies=servers, stagger=1.0) as server:
        urls.put(server.urls)
        stopped.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has had, its threads' included."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Return the memory that a process has in use, in MB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def read_for(terminal: int, seconds: float) -> int:
    """Return how many bytes a command writes to its terminal in some seconds."""
    count, end = 0, monotonic() + seconds
    while (left := end - monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            count += len(os.read(terminal, 65536))
    return count


def measure(urls: list[str], seconds: float) -> tuple[float, float, float]:
    """Return CPU as a share of a core, memory in MB, and bytes a second to the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "exporter", "top", *urls])
    width, height = _SIZE
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    read_for(terminal, _SETTLED)
    before, start = cpu_seconds(pid), monotonic()
    count = read_for(terminal, seconds)
    passed = monotonic() - start
    result = (cpu_seconds(pid) - before) / passed, memory(pid), count / passed
    os.write(terminal, b"q")
    read_for(terminal, 1.0)
    os.close(terminal)
    os.waitpid(pid, 0)
    return result


def main() -> None:
    """Play, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    urls: multiprocessing.Queue[list[str]] = multiprocessing.Queue()
    stopped = multiprocessing.Event()
    player = multiprocessing.Process(target=replay, args=(options.servers, urls, stopped))
    player.start()
    try:
        share, size, rate = measure(urls.get(), options.seconds)
    finally:
        stopped.set()
        player.join()
    print(
        f"{options.servers} servers every 2 s: {share:.1%} of a core, {size:.0f} MB, "
        f"{rate / 1000:.1f} kB/s to the terminal"
    )


if __name__ == "__main__":
    main()
