"""Units of systemd: what they start."""

from pathlib import Path

import pytest

from exporter.engines.registry import ENGINES
from exporter.preflight.sources.files import Document, Unread, documents
from exporter.preflight.sources.launches import document_launches

SERVICE = """
[Service]
Environment=VLLM_X=1 "VLLM_Y=two words"
ExecStart=-/opt/venv/bin/vllm serve m \\
# of long lines
  --max-num-seqs 64
"""
CONTAINER = """
[Container]
Image=docker.io/vllm/vllm-openai:v0.20.2
Environment=VLLM_X=1
Exec=--model m --max-num-seqs=64
"""


@pytest.mark.parametrize(("name", "text"), [("a.service", SERVICE), ("a.container", CONTAINER)])
def test_a_unit_of_a_server_is_read(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    (document,) = documents([path])
    assert isinstance(document, Document)
    (server,) = document_launches(document.content, ENGINES["vllm"], name, {})
    assert server.flags["--max-num-seqs"] == ("64",)
    assert server.environment["VLLM_X"] == "1"
    assert not server.is_wrapped


def test_of_settings_that_are_taken_back_the_later_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.service"
    path.write_text("ExecStart=vllm serve a\nExecStart=\nExecStart=vllm serve b --seed 1\n")
    (document,) = documents([path])
    assert isinstance(document, Document)
    (server,) = document_launches(document.content, ENGINES["vllm"], "a", {})
    assert server.flags["--model"] == ("b",)


def test_an_open_quote_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.service"
    path.write_text('ExecStart=vllm serve "m')
    (unread,) = documents([path])
    assert isinstance(unread, Unread)
    assert "no closing quotation" in unread.fault
