"""Archives that are none, or want more than there is: one sentence each, in bounded memory."""

import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.base.errors import RecordingError
from exporter.replay import archive
from exporter.replay.archive import read_files

Members = Callable[[tarfile.TarFile], None]


def member(name: str, content: bytes = b"x", **fields: object) -> Members:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in fields.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(content) if info.isreg() else None)

    return add


def packed(*members: Members) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for add in members:
            add(tar)
    return lzma.compress(plain.getvalue())


def claiming(size: int) -> bytes:
    """Return an archive whose one member has a size in its header, and nothing behind."""
    info = tarfile.TarInfo("manifest.json")
    info.size = size
    return lzma.compress(info.tobuf(tarfile.GNU_FORMAT))


MANIFEST = member("manifest.json", b"{}")

ARCHIVES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is no .tar.xz archive"),
    "no archive": (b"not an archive", "is no .tar.xz archive"),
    "a gzip": (b"\x1f\x8b\x08\x00" + bytes(100), "is no .tar.xz archive"),
    "cut short": (packed(MANIFEST)[:-30], "is no .tar.xz archive"),
    "damaged": (packed(MANIFEST)[:60] + b"\x00" * 40 + packed(MANIFEST)[100:], "is no .tar.xz"),
    "no tar inside": (lzma.compress(b"no tar" * 1000), "is no .tar.xz archive"),
    "an empty file inside": (lzma.compress(b""), "is no .tar.xz archive"),
    "3 GiB": (claiming(3 << 30), "manifest.json is larger than 64 MiB: record for a shorter"),
    "a size that overflows": (claiming(2**63), "is larger than 64 MiB"),
    "a negative size": (claiming(-1), "manifest.json has a size below 0"),
    "less than it claims": (claiming(1 << 20), "is no .tar.xz archive"),
    "a large member nobody reads": (
        packed(member("core.dump", bytes(archive.MAX_MEMBER_BYTES + 1))),
        "core.dump is larger than 64 MiB",
    ),
    "an absolute name": (packed(member("/etc/passwd")), "/etc/passwd leads out of the recording"),
    "a name that climbs": (packed(member("../manifest.json")), "leads out of the recording"),
    "a name of escapes": (packed(member("../\x1b[2J\n")), "../\\x1b[2J\\n leads out"),
    "a link": (
        packed(member("manifest.json", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "manifest.json is a link or device",
    ),
    "a hard link": (
        packed(MANIFEST, member("pages/0000.prom", type=tarfile.LNKTYPE, linkname="manifest.json")),
        "pages/0000.prom is a link or device",
    ),
    "a device": (packed(member("nvml.jsonl", type=tarfile.CHRTYPE)), "is a link or device"),
    "a pipe": (packed(member("nvml.jsonl", type=tarfile.FIFOTYPE)), "is a link or device"),
    "a member twice": (packed(MANIFEST, MANIFEST), "manifest.json is there twice: leave one"),
    "one name in two spellings": (
        packed(MANIFEST, member("./manifest.json")),
        "manifest.json is there twice",
    ),
}


@pytest.mark.parametrize("made", ARCHIVES.values(), ids=ARCHIVES)
def test_a_bad_archive_is_one_sentence(tmp_path: Path, made: tuple[bytes, str]) -> None:
    content, fault = made
    path = tmp_path / "bad.tar.xz"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as refusal:
        read_files(path)
    assert str(refusal.value).startswith(str(path))
    assert fault in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_what_nobody_reads_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "made.tar.xz"
    path.write_bytes(
        packed(
            member("./pages", b"", type=tarfile.DIRTYPE),
            member("./client.log", b"log"),
            member("./manifest.json", b"{}"),
            member("pages/0000.prom", b"a 1\n"),
        )
    )
    assert read_files(path) == {"manifest.json": b"{}", "pages/0000.prom": b"a 1\n"}


@pytest.mark.parametrize("unpacked", [True, False])
def test_all_members_together_have_a_limit(
    tmp_path: Path, unpacked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    path = tmp_path / "large.tar.xz"
    if unpacked:
        (path / "pages").mkdir(parents=True)
        for number in range(3):
            (path / f"pages/{number:04d}.prom").write_bytes(bytes(400_000))
    else:
        path.write_bytes(packed(*(member(f"pages/{i}", bytes(400_000)) for i in range(3))))
    with pytest.raises(RecordingError, match=r"large\.tar\.xz holds more than 1 MiB: record"):
        read_files(path)


def test_a_header_of_its_own_size_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    path = tmp_path / "large.tar.xz"
    path.write_bytes(packed(member("n" * (2 << 20))))
    with pytest.raises(RecordingError, match="holds more than 1 MiB"):
        read_files(path)


def test_the_number_of_members_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 100)
    path = tmp_path / "many.tar.xz"
    path.write_bytes(packed(*(member(f"a/{i}", b"", type=tarfile.DIRTYPE) for i in range(101))))
    with pytest.raises(RecordingError, match="holds more than 100 files"):
        read_files(path)


def test_a_large_file_in_a_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 1 << 20)
    (tmp_path / "manifest.json").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(RecordingError, match=r"manifest\.json is larger than 1 MiB"):
        read_files(tmp_path)


def test_a_pipe_is_no_recording(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecordingError, match="pipe is no file and no folder"):
        read_files(tmp_path / "pipe")
