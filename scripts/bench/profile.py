"""In which room of the exporter its time is spent, where py-spy is installed to look."""

import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_SAMPLES_A_SECOND: Final = 500
_ROOM: Final = re.compile(r"/exporter/(\w+)[^;]*?\.py:\d+\)$")
_EVENT_LOOP: Final = re.compile(r"/(asyncio/\w+|selectors)\.py:\d+\)$")


def room_shares(pid: int, seconds: float) -> Mapping[str, float] | None:
    """Return each room's share of the samples that found a thread at work, largest first.

    None without py-spy, or where it may not look.
    """
    if (program := shutil.which("py-spy")) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stacks"
        done = subprocess.run(
            [
                *(program, "record", "--pid", str(pid), "--duration", f"{seconds:.0f}"),
                *("--rate", str(_SAMPLES_A_SECOND), "--nonblocking", "--full-filenames"),
                *("--format", "raw", "--output", str(path)),
            ],
            capture_output=True,
            check=False,
        )
        return shares(path.read_text().splitlines()) if done.returncode == 0 else None


def shares(stacks: Iterable[str]) -> Mapping[str, float]:
    """Return each room's share of stacks, written `outermost;...;innermost COUNT`.

    A stack belongs to the innermost frame that is the exporter's own or the event loop's, so what
    a room calls of a library is the room's.
    """
    counts = Counter[str]()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counts[_room(stack)] += int(count)
    return {room: count / counts.total() for room, count in counts.most_common()}


def _room(stack: str) -> str:
    for frame in reversed(stack.split(";")):
        if _EVENT_LOOP.search(frame):
            return "asyncio"
        if room := _ROOM.search(frame):
            return room[1]
    return "interpreter"


def thread_names(pid: int) -> Mapping[int, str]:
    """Return the names of a process's threads by thread id; none without py-spy."""
    if (program := shutil.which("py-spy")) is None:
        return {}
    done = subprocess.run(
        [program, "dump", "--pid", str(pid), "--json", "--nonblocking"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return {}
    return {thread["os_thread_id"]: thread["thread_name"] for thread in json.loads(done.stdout)}
