"""Output to terminals that lack letters: never a traceback, and JSON stays JSON."""

import json

import pytest
from typer.testing import CliRunner

from exporter.cli.app import app
from exporter.replay.archive import read_files
from exporter.replay.recording import bundled_recordings
from exporter.replay.server import ReplayServer
from tests.conftest import RECORDINGS, cached_load

OLD = ["--baseline-recording", "vllm-moe-0.20.2-mrv1"]
NEW = ["--candidate-recording", "vllm-moe-0.20.2-mrv2"]
COMMANDS = {
    "help": ["--help"],
    "help of a command": ["compare", "--help"],
    "a wrong option": ["probe", "--f\u00fcr", "1s"],
    "a file that is not there": ["check-config", "/\u20ac/\udcff.yaml"],
    "a recording that is not there": ["replay", "/\u20ac/\udcff"],
    "an address that is none": ["probe", "http://\u20ac \udcff"],
    "compare": ["compare", *OLD, *NEW],
    "compare as JSON": ["compare", *OLD, *NEW, "--json"],
    "compare as Markdown": ["compare", *OLD, *NEW, "--markdown"],
    "demo": ["demo", "--listen", "127.0.0.1:0", "--for", "1s"],
    "judge": ["judge", "--prometheus", "http://127.0.0.1:1/\u20ac", "--once", "--timeout", "1ms"],
}


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner(charset="ascii").invoke(app, list(words), env={"COLUMNS": "160"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_no_command_needs_more_than_ascii(words: list[str]) -> None:
    code, output, error = run(*words)
    assert "Traceback" not in output + error
    assert (code == 0) == bool(output)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two recordings of a model whose name has letters that ASCII lacks, as options."""
    words = list[str]()
    for option, name in (OLD, NEW):
        folder = tmp_path_factory.mktemp(name)
        for member, content in read_files(bundled_recordings()[name]).items():
            if member == "manifest.json":
                manifest = json.loads(content)
                manifest |= {
                    "name": f"{manifest['name']} \u043d\u043e\u0432",
                    "gpu": "H200 \u00b1 [/b] :100:",
                }
                content = json.dumps(manifest).encode()
            (folder / member).parent.mkdir(exist_ok=True)
            (folder / member).write_bytes(content)
        words += [option, str(folder)]
    return words


@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown"]])
def test_names_that_ascii_lacks_are_escaped(foreign: list[str], form: list[str]) -> None:
    code, output, error = run("compare", *foreign, *form)
    assert (code, error) == (0, "")
    assert output.isascii()
    assert "\\u043d" in output
    if form == ["--json"]:
        assert "\u043d\u043e\u0432" in json.loads(output)["source"]


def test_a_probe_shows_whatever_a_server_calls_itself() -> None:
    recording = cached_load(RECORDINGS["vllm-dense-0.26.0"])
    with ReplayServer([recording], speed=20) as replay:
        code, output, _ = run("probe", replay.urls[0], "--for", "1s")
    assert code == 0
    assert output.isascii()
    assert "what it delivers" in output
