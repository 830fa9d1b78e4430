"""Files replaced as a whole: a full disk or a crash leaves the old ones as they were."""

import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path


def write_atomically(texts: Mapping[Path, str]) -> None:
    """Write texts to files that belong together; raise `OSError` with every old file intact.

    All are written beside their files and are on the disk before the first takes its place. Mode
    and owner of a file stay, a link stays one, and what is no file (a pipe, /dev/stdout) is written
    to as it is.
    """
    with ExitStack() as unused:
        renames = []
        for path, text in texts.items():
            path = path.resolve()
            if path.exists() and not path.is_file():
                path.write_text(text, encoding="utf-8")
                continue
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            unused.callback(_remove, name)
            with open(descriptor, "w", encoding="utf-8") as file:
                _set_mode(descriptor, path)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            renames.append((name, path))
        for name, path in renames:
            os.replace(name, path)
        for folder in {path.parent for _, path in renames}:
            _sync_folder(folder)


def _set_mode(descriptor: int, path: Path) -> None:
    """Give a new file mode and owner of the one it replaces, or those of any new file."""
    try:
        old = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o666 & ~_umask())
        return
    # only root may give files away; to others it is theirs already, or their group's
    with suppress(PermissionError):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name)
