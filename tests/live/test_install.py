"""Engines by argument: which are taken, and that none is installed twice."""

from pathlib import Path

import pytest

from scripts.live.engines import ENGINES, install


@pytest.mark.parametrize("engine", ["vllm", "vllm==", "tgi==3", "vllm>=0.20", "sglang"])
def test_an_engine_without_an_exact_release_is_refused(engine: str) -> None:
    with pytest.raises(SystemExit, match="write a release"):
        install.install(engine)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_is_there_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(install, "_FOLDER", tmp_path)
    folder = tmp_path / f"{name}-1.2.3"
    folder.mkdir()
    (folder / "installed").touch()
    installation = install.install(f"{name}==1.2.3")
    assert installation.engine is ENGINES[name]
    assert installation.python == str(folder / "bin" / "python")


@pytest.mark.parametrize("name", ENGINES)
def test_on_gpus_an_engine_is_taken_as_it_stands(name: str) -> None:
    installation = install.present(name, "cuda", "/modules")
    assert (installation.engine, installation.path) == (ENGINES[name], "/modules")
    with pytest.raises(SystemExit, match="write one of"):
        install.present("tgi", "cuda", "")


PINS = sorted((Path(install.__file__).parent / "requirements").glob("*.txt"))


@pytest.mark.parametrize("pins", PINS, ids=lambda pins: pins.stem)
def test_a_pinned_engine_names_its_build_and_a_version_of_everything(pins: Path) -> None:
    lines = pins.read_text(encoding="utf-8").splitlines()
    name, _, version = pins.stem.partition("-")
    assert f"{ENGINES[name].cpu_package}=={version}" in lines
    assert all(line.startswith("#") or "==" in line for line in lines)


def test_every_engine_has_a_pinned_release_and_the_default_is_one() -> None:
    pinned = {pins.stem.replace("-", "==") for pins in PINS}
    assert {name.partition("==")[0] for name in pinned} == set(ENGINES)
    assert install.DEFAULT in pinned
