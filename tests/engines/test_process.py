import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporter.engines.process import server_process
from tests.proc_tree import ProcTree

VLLM = ["/usr/bin/python3", "/opt/bin/vllm", "serve", "m", "--max-num-seqs", "7"]


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path)


def test_a_rewritten_title_is_answered_by_the_nearest_ancestor(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(10, ["vllm", "serve", "other"])
    proc.process(20, VLLM, parent=10)
    proc.process(30, ["VLLM::Supervisor"], parent=20)
    proc.process(40, ["VLLM::APIServer_0"], parent=30, inode=77)
    found = server_process(8000, proc.root)
    assert found is not None
    assert (found.pid, found.command_line) == (20, VLLM)


def test_of_several_owners_the_one_that_can_be_read_speaks(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.listen("0.0.0.0", 8000, 78)
    proc.process(20, VLLM, inode=77)
    proc.process(15, ["VLLM::APIServer_0"], parent=20, inode=78)
    found = server_process(8000, proc.root)
    assert found is not None
    assert found.pid == 20


def test_something_else_on_the_port_is_no_server(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(1, ["init"], parent=0)
    proc.process(42, ["nginx", "-g", "daemon off;"], inode=77)
    assert server_process(8000, proc.root) is None


def test_ancestors_that_lead_in_a_circle_come_to_an_end(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(42, ["VLLM::APIServer_0"], parent=43, inode=77)
    proc.process(43, ["sh"], parent=42)
    assert server_process(8000, proc.root) is None


def test_processes_that_cannot_be_read_are_not_there(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    (proc.root / "41").mkdir()
    proc.process(42, VLLM, inode=77)
    (proc.root / "42" / "stat").unlink()
    found = server_process(8000, proc.root)
    assert found is not None
    assert (found.pid, found.start_time) == (42, None)


def test_the_command_line_is_kept_out_of_the_text_form(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(42, [*VLLM, "--api-key", "hush"], inode=77)
    assert "hush" not in repr(server_process(8000, proc.root))


LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_a_real_listener_is_found() -> None:
    before = time.time()
    arguments = ["vllm", "serve", "m", "--max-num-seqs", "7"]
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        found = server_process(int(child.stdout.readline()))
        child.communicate("")
    assert found is not None
    assert found.pid == child.pid
    assert found.command_line[-5:] == arguments
    # The kernel tells its boot time to the second, and clocks are adjusted after boot.
    assert found.start_time == pytest.approx(before, abs=30)
