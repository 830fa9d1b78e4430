"""Which process a port belongs to, under the launchers that are in use."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.procfs.port_holder import PortHolder, port_holder
from exporter.procfs.process_table import process_table
from tests.proc_tree import ProcTree

VLLM = ["/usr/bin/python3", "/opt/bin/vllm", "serve", "m"]
SPAWNED = ["/usr/bin/python3", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()"]


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    tree = ProcTree(tmp_path)
    tree.listen("0.0.0.0", 8000, 77)
    return tree


def holder(proc: ProcTree, port: int = 8000) -> PortHolder:
    return port_holder("127.0.0.1", port, process_table(proc.root))


@pytest.mark.parametrize(
    "line",
    [
        VLLM,
        ["python", "-m", "vllm.entrypoints.openai.api_server"],
        ["python", "my_server.py"],
        ["python", "-c", "from vllm.entrypoints.cli.main import main; main()", "serve", "m"],
        ["/opt/engine"],
    ],
)
def test_it_is_whoever_listens_whatever_the_command_line(proc: ProcTree, line: list[str]) -> None:
    proc.process(42, line, inode=77)
    proc.process(43, ["VLLM::EngineCore"], parent=42)
    assert holder(proc).roots == (42,)
    assert holder(proc).problem == ""


@pytest.mark.parametrize(
    ("launcher", "executable"),
    [
        (["/usr/bin/supervisord"], "/usr/bin/python3.12"),
        (["bash", "start.sh"], "/usr/bin/bash"),
        (["/usr/bin/tini", "--", "vllm", "serve"], "/usr/bin/tini"),
        (["ray", "start"], "/opt/raylet"),
    ],
)
def test_a_launcher_is_no_server(proc: ProcTree, launcher: list[str], executable: str) -> None:
    proc.process(10, launcher, executable=executable)
    proc.process(42, VLLM, parent=10, inode=77)
    assert holder(proc).roots == (42,)


def test_children_that_inherit_the_socket_are_not_the_server(proc: ProcTree) -> None:
    # forked workers keep the socket of their parent
    proc.process(42, ["python", "my_server.py"], inode=77)
    proc.process(43, ["VLLM::EngineCore"], parent=42, inode=77)
    proc.process(44, ["VLLM::Worker_TP0"], parent=43, inode=77)
    assert holder(proc).roots == (42,)
    assert holder(proc).pids == (42, 43, 44)


def test_a_front_end_in_another_language_holds_the_socket_of_its_parent(proc: ProcTree) -> None:
    proc.process(42, VLLM, inode=77)
    proc.process(43, ["/opt/frontend", "--listen-fd", "9"], 42, 77, executable="/opt/frontend")
    assert holder(proc).roots == (42,)


@pytest.mark.parametrize("child", [["VLLM::APIServer_0"], ["python", "my_server.py"], SPAWNED])
def test_an_api_server_alone_may_be_answered_for_by_its_parent(
    proc: ProcTree, child: list[str]
) -> None:
    proc.process(10, ["/sbin/init"], parent=0, executable="/sbin/init")
    proc.process(42, ["python", "my_server.py"], parent=10)
    proc.process(43, child, parent=42, inode=77)
    proc.process(44, ["VLLM::EngineCore_DP0"], parent=42)
    assert holder(proc).roots == (43, 42)


def test_several_sockets_of_one_port_come_to_the_common_parent(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 78)
    proc.process(42, ["python", "-m", "sglang.launch_server"])
    proc.process(43, ["sglang::tokenizer_worker:1"], parent=42, inode=77)
    proc.process(44, ["sglang::tokenizer_worker:2"], parent=42, inode=78)
    proc.process(45, ["sglang::scheduler_TP0"], parent=42)
    assert holder(proc).roots == (42,)


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (["vllm", "serve", "--data-parallel-multi-port-external-lb"], "VLLM::APIServer_DP"),
        (["python", "-m", "sglang_router.launch_server"], "sglang::server_"),
    ],
)
def test_a_parent_of_several_servers_answers_for_none(
    proc: ProcTree, parent: list[str], child: str
) -> None:
    proc.listen("0.0.0.0", 8001, 78)
    proc.process(42, parent)
    proc.process(43, [f"{child}0"], parent=42, inode=77)
    proc.process(44, [f"{child}1"], parent=42, inode=78)
    assert holder(proc).roots == (43,)
    assert holder(proc, 8001).roots == (44,)


@pytest.mark.parametrize("difference", ["executable", "session", "container"])
def test_a_parent_of_another_kind_answers_for_nothing(proc: ProcTree, difference: str) -> None:
    proc.process(42, ["python", "launch.py"])
    proc.process(
        43,
        ["VLLM::APIServer_0"],
        parent=42,
        inode=77,
        executable="/opt/python" if difference == "executable" else "/usr/bin/python3.12",
        session=43 if difference == "session" else 1,
    )
    if difference == "container":
        (proc.root / "43" / "cgroup").write_text(f"0::/docker-{'a1' * 32}.scope\n")
    assert holder(proc).roots == (43,)


def test_a_service_manager_that_opened_the_socket_is_not_the_server(proc: ProcTree) -> None:
    proc.process(1, ["/usr/lib/systemd/systemd"], 0, 77, executable="/usr/lib/systemd/systemd")
    proc.process(42, ["python", "my_server.py"], parent=1, inode=77)
    assert holder(proc).roots == (42,)


def test_two_servers_on_one_port_are_neither(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 78)
    proc.process(10, ["bash", "start.sh"], executable="/usr/bin/bash")
    proc.process(42, VLLM, parent=10, inode=77)
    proc.process(43, ["python", "other.py"], parent=10, inode=78)
    answer = holder(proc)
    assert answer.roots == ()
    assert answer.problem == (
        "python3 vllm (process 42) and python other.py (process 43) listen on port 8000 at once: "
        "give each a port of its own"
    )


def test_a_holder_that_cannot_be_seen_is_said(proc: ProcTree) -> None:
    (proc.root / "41").mkdir()
    assert "the process that listens on port 8000 cannot be seen" in holder(proc).problem
    assert "no process of this network namespace listens on 8001" in holder(proc, 8001).problem


LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_a_real_listener() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        answer = port_holder("localhost", port, process_table())
        child.communicate("")
    assert answer.roots == (child.pid,)
    assert answer.name.startswith("python")


FORKED = """
import os, socket, sys

read, write = os.pipe()
if not os.fork():
    # a worker beside the API server
    os.close(write)
    os.read(read, 1)
    os._exit(0)
if not os.fork():
    os.close(write)
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], os.getpid(), flush=True)
    os.read(read, 1)
    os._exit(0)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_a_real_api_server_that_was_forked() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as main:
        assert main.stdout is not None
        port, child = map(int, main.stdout.readline().split())
        answer = port_holder("127.0.0.1", port, process_table())
        main.communicate("")
    assert answer.roots[:2] == (child, main.pid)
