"""Ctrl-C and SIGTERM, whenever they come: the command ends as others do, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.replay.recording import find_recording, load_recording
from exporter.replay.server import ReplayServer

INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv = ["inferfleet", *{words!r}]
from exporter.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("typer", ["--version"]),
        ("exporter.cli.app", ["--version"]),
        ("exporter.cli.record", ["record", "127.0.0.1:9", "--out", "a.tar.xz"]),
        ("exporter.cli.demo.run", ["demo"]),
        ("exporter.compare.command", ["compare", "--prometheus", "http://127.0.0.1:9"]),
        ("exporter.top.command", ["top", "127.0.0.1:9"]),
    ],
)
def test_while_modules_load(module: str, words: list[str]) -> None:
    code = INTERRUPTED.format(module=module, words=words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 130)
    assert "Traceback" not in done.stderr


# wherever it comes: here while a page is added to the archive, with Ctrl-C ignored as in a script
ENDED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from exporter.recorder.archive_writer import ArchiveWriter
added = ArchiveWriter.add
def add(self, name, content):
    if name == "pages/0001.prom":
        os.kill(os.getpid(), signal.SIGTERM)
    return added(self, name, content)
ArchiveWriter.add = add
from exporter.cli.app import app
app(["record", sys.argv[1], "--out", sys.argv[2], "--for", "60s", "--every", "200ms"])
"""


def test_a_recording_that_a_script_ends_keeps_what_has_come(tmp_path: Path) -> None:
    path = tmp_path / "ended.tar.xz"
    dense = load_recording(find_recording("vllm-dense-0.26.0"))
    with ReplayServer([dense]) as servers:
        command = [sys.executable, "-c", ENDED, servers.urls[0], str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 pages of vllm 0.26.0" in done.stdout
    assert done.stderr == ""
    assert len(load_recording(path).pages) == 2
