"""The files of a recording, from an archive read in memory or from a folder, within limits.

Nothing is unpacked to disk, and memory is bounded whatever an archive says of itself.
"""

import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from ..base.errors import RecordingError
from ..base.untrusted import one_line

SUFFIX: Final = ".tar.xz"
MAX_BYTES: Final = 256 << 20
MAX_MEMBER_BYTES: Final = 64 << 20
MAX_MEMBERS: Final = 20_000
_BLOCK: Final = 1 << 16
_SHORTER: Final = "record for a shorter time or less often"
_PACK: Final = f"pack it anew with tar -C FOLDER -cJf NAME{SUFFIX} ."


def read_files(path: Path) -> dict[str, bytes]:
    """Return manifest.json, nvml.jsonl and the pages by name; raise `RecordingError` with a fault.

    Other files are passed over.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.exists() and not path.is_file():
            raise RecordingError(f"{path} is no file and no folder: give an archive {SUFFIX}")
        with lzma.open(path) as plain:
            return _read_archive(path, plain)
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError, MemoryError) as error:
        fault = one_line(str(error)) or "it wants more memory than there is"
        raise RecordingError(f"{path} is no {SUFFIX} archive: {fault}; {_PACK}") from error
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_folder(path: Path) -> dict[str, bytes]:
    members = [path / "manifest.json", path / "nvml.jsonl", *sorted(path.glob("pages/*.prom"))]
    files, left = dict[str, bytes](), MAX_BYTES
    for member in members:
        if not member.is_file():
            continue
        name = member.relative_to(path).as_posix()
        with member.open("rb") as file:
            files[name] = file.read(MAX_MEMBER_BYTES + 1)
        _check_size(path, name, len(files[name]))
        left -= len(files[name])
        if left < 0:
            raise _too_large(path)
    return files


def _read_archive(path: Path, plain: IO[bytes]) -> dict[str, bytes]:
    files = dict[str, bytes]()
    limited = _Limited(path, plain)
    # read as a stream: an archive cannot send the reader back, and headers count as well
    with tarfile.open(fileobj=limited, mode="r|") as archive:
        for name, member in _members(path, archive):
            _check_size(path, name, member.size)
            file = archive.extractfile(member) if _is_member(name) else None
            if file is None:
                continue
            if name in files:
                raise RecordingError(f"{path}: {one_line(name)} is there twice: leave one")
            files[name] = file.read()
    # its checksum stands at its end
    while limited.read(_BLOCK):
        pass
    return files


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Yield name and member of each file."""
    for count, member in enumerate(archive, start=1):
        if count > MAX_MEMBERS:
            raise RecordingError(f"{path} holds more than {MAX_MEMBERS} files: {_SHORTER}")
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise RecordingError(
                f"{path}: {one_line(member.name)} leads out of the recording; {_PACK}"
            )
        if member.isfile():
            yield name.as_posix(), member
        elif not member.isdir():
            raise RecordingError(f"{path}: {one_line(member.name)} is a link or device, no file")


def _is_member(name: str) -> bool:
    return name in ("manifest.json", "nvml.jsonl") or name.startswith("pages/")


def _check_size(path: Path, name: str, size: int) -> None:
    if size < 0:
        raise RecordingError(f"{path}: {one_line(name)} has a size below 0; {_PACK}")
    if size > MAX_MEMBER_BYTES:
        raise RecordingError(
            f"{path}: {one_line(name)} is larger than {MAX_MEMBER_BYTES >> 20} MiB: {_SHORTER}"
        )


def _too_large(path: Path) -> RecordingError:
    return RecordingError(f"{path} holds more than {MAX_BYTES >> 20} MiB: {_SHORTER}")


class _Limited(io.RawIOBase):
    """What an archive holds, unpacked as far as the limit."""

    def __init__(self, path: Path, plain: IO[bytes]) -> None:
        self._path, self._plain, self._remaining = path, plain, MAX_BYTES

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most `size`."""
        data = self._plain.read(size)
        self._remaining -= len(data)
        if self._remaining < 0:
            raise _too_large(self._path)
        return data
