"""A recording written as it comes: to a file beside its own, which takes its place at the end."""

import io
import os
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..base.errors import RecordingError


class ArchiveWriter:
    """Adds members to `NAME.tar.xz`; the file is there once it is whole, and not before.

    Methods raise `RecordingError` where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_dir():
            # it would be known only at the end, with all that was recorded lost
            raise RecordingError(f"{path} cannot be written: it is a folder")
        if path.exists():
            raise RecordingError(f"{path} is there already; delete it, or name another file")
        try:
            descriptor, self._partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            self._file = open(descriptor, "wb")  # noqa: SIM115
            self._archive = tarfile.open(fileobj=self._file, mode="w:xz")  # noqa: SIM115
        except OSError as error:
            raise self._fault(error) from error

    def add(self, name: str, content: bytes) -> None:
        """Add a member."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        try:
            self._archive.addfile(member, io.BytesIO(content))
        except OSError as error:
            raise self._fault(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._archive.close()
                self._file.close()
                os.chmod(self._partial, 0o644)
                os.replace(self._partial, self._path)
        except OSError as fault:
            raise self._fault(fault) from fault
        finally:
            self._file.close()
            with suppress(FileNotFoundError):
                os.unlink(self._partial)

    def _fault(self, error: OSError) -> RecordingError:
        return RecordingError(f"{self._path} cannot be written: {error.strerror or error}")
