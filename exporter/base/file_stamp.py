"""Whether files are still those that were read."""

import os
from collections.abc import Iterable
from pathlib import Path


def file_stamp(paths: Iterable[Path]) -> tuple[object, ...]:
    """Return a value that changes when one of the files does, or goes."""
    stamps: list[object] = []
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            stamps.append(None)
        else:
            stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(stamps)
