"""The image: what the Dockerfile promises, and its build steps run for real in a scratch folder."""

import json
import shlex
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile: its word, flags, and the rest as written."""

    word: str
    flags: tuple[str, ...]
    rest: str

    @property
    def words(self) -> list[str]:
        found = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        return [str(one) for one in found]


def stages() -> list[list[Step]]:
    """Return the instructions of each stage, its FROM first; ARGs before the first are left out."""
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    found = list[list[Step]]()
    for written in text.splitlines():
        if not written or written.startswith("#"):
            continue
        word, _, rest = written.partition(" ")
        flags = []
        while rest.strip().startswith("--"):
            flag, _, rest = rest.strip().partition(" ")
            flags.append(flag)
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(Step(word, tuple(flags), rest.strip()))
    return found


def only(stage: list[Step], word: str) -> Step:
    (found,) = [step for step in stage if step.word == word]
    return found


def test_image_runs_without_root_or_shell() -> None:
    final = stages()[1]
    assert only(final, "USER").rest == "10190:10190"
    assert not [step for step in final if step.word == "RUN"]
    assert [step.flags for step in final if step.word == "COPY"] == [("--from=build",)]
    for word in ("ENTRYPOINT", "CMD"):
        assert only(final, word).rest.startswith("[")
    check = only(final, "HEALTHCHECK").rest
    assert check.startswith("CMD [")


def test_everything_copied_is_let_through_to_the_build() -> None:
    allowed = {
        one.removeprefix("!")
        for one in (ROOT / ".dockerignore").read_text().splitlines()
        if one.startswith("!")
    }
    copied = [word for step in stages()[0] if step.word == "COPY" for word in step.words[:-1]]
    assert set(copied) == allowed
    for name in copied:
        assert (ROOT / name).exists()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks as the image's root does after the build stage."""
    root = tmp_path_factory.mktemp("image")
    folder = root
    for step in stages()[0]:
        words = step.words
        if step.word == "WORKDIR":
            folder = root / step.rest.strip("/")
            folder.mkdir(parents=True)
        elif step.word == "COPY":
            for name in words[:-1]:
                source, target = ROOT / name, folder / words[-1]
                if source.is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(source, target, ignore=ignored)
                else:
                    shutil.copy(source, target)
        elif step.word == "RUN":
            command = [word.replace("/opt/", f"{root}/opt/") for word in words]
            command[0] = sys.executable if command[0] == "python" else command[0]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
    return root


def test_build_steps_make_an_exporter_that_is_healthy(image: Path) -> None:
    final = stages()[1]
    (entry,) = only(final, "ENTRYPOINT").words
    config = image / "inferfleet.yaml"
    config.write_text("targets: ['http://127.0.0.1:9']\nweb: {listen: '127.0.0.1:0'}\n")
    arguments = [*only(final, "CMD").words[:-1], str(config)]
    process = subprocess.Popen(
        [f"{image}{entry}", *arguments],
        cwd=image,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        assert process.stderr is not None
        url = next(line for line in process.stderr if "serving on" in line).split()[-1]
        words = json.loads(only(final, "HEALTHCHECK").rest.removeprefix("CMD "))
        words[0] = f"{image}{words[0]}"
        words[-1] = words[-1].replace("http://127.0.0.1:10190/", url)
        subprocess.run(words, check=True, timeout=30)
        with urllib.request.urlopen(f"{url}metrics", timeout=10) as page:
            assert b"inferfleet_target_up" in page.read()
    finally:
        process.terminate()
        process.wait(timeout=20)
        assert process.stderr is not None
        process.stderr.close()
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(words, check=True, timeout=30, stderr=subprocess.DEVNULL)
