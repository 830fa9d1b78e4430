"""Files of /proc as text. Whatever has gone or may not be read is empty."""

import os
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


def text(path: Path) -> str:
    """Return a file, empty where it has gone or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def link(path: str | Path) -> str:
    """Return where a symbolic link points to, empty where it has gone or may not be read."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def process_ids(proc: Path = PROC) -> list[int]:
    """Return the number of every visible process."""
    try:
        return [int(name) for name in os.listdir(proc) if name.isdigit()]
    except OSError:
        return []


def open_files(pid: int, proc: Path = PROC) -> dict[str, str]:
    """Return what a process has open by number, nothing of another user's or one that has ended."""
    folder = f"{proc}/{pid}/fd"
    try:
        return {number: link(f"{folder}/{number}") for number in os.listdir(folder)}
    except OSError:
        return {}
