"""A file is the old one or the new one, whatever happens in between."""

import os
import stat
from pathlib import Path

import pytest

from exporter.base.atomic_write import write_atomically
from tests.full_disk import full_disk

TEXT = "a line that was there\n"


def test_a_full_disk_leaves_every_old_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(TEXT)
    second.write_text(TEXT)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        write_atomically({first: "short", second: "x" * 10_000})
    assert first.read_text() == second.read_text() == TEXT
    assert sorted(tmp_path.iterdir()) == [first, second]


@pytest.mark.parametrize("step", ["fsync", "replace", "fchmod"])
def test_a_fault_at_any_step_leaves_the_old_file(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(TEXT)

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically({path: "new"})
    assert path.read_text() == TEXT
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(TEXT)
    path.chmod(mode)
    write_atomically({path: "new"})
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_any(tmp_path: Path) -> None:
    new, other = tmp_path / "new", tmp_path / "other"
    other.write_text("")
    write_atomically({new: "new"})
    assert new.stat().st_mode == other.stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.yaml", tmp_path / "link"
    path.write_text(TEXT)
    link.symlink_to(path)
    write_atomically({link: "new"})
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_atomically({Path("/dev/null"): "new"})
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
