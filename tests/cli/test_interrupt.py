"""Ctrl-C, whenever it comes: the command ends as others do, without a traceback."""

import subprocess
import sys

import pytest

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
