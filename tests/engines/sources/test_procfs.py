import os
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from exporter.engines.sources import procfs

VLLM = ["/usr/bin/python3", "/opt/bin/vllm", "serve", "m", "--max-num-seqs", "7"]


def address(text: str) -> str:
    """Write an address as /proc/net/tcp does: each 32-bit word in the machine's byte order."""
    raw = ip_address(text).packed
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    return b"".join(w[::-1] if sys.byteorder == "little" else w for w in words).hex().upper()


class Proc:
    """A /proc tree in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()
        (root / "stat").write_text("cpu  1 2 3\nbtime 1700000000\n")
        for table in ("tcp", "tcp6"):
            (root / "net" / table).write_text("  sl  local_address rem_address   st ...\n")

    def listen(self, host: str, port: int, inode: int, state: str = "0A") -> None:
        table = "tcp6" if ":" in host else "tcp"
        line = f"   0: {address(host)}:{port:04X} 0:0 {state} 0:0 0:0 0 0 0 {inode} 1 0\n"
        with (self.root / "net" / table).open("a") as file:
            file.write(line)

    def process(self, pid: int, line: list[str], parent: int = 1, inode: int | None = None) -> None:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "fd" / "0").symlink_to("/dev/null")
        (folder / "cmdline").write_bytes("".join(f"{word}\0" for word in line).encode())
        rest = " ".join(["0"] * 17)
        ticks = 100 * os.sysconf("SC_CLK_TCK")
        (folder / "stat").write_text(f"{pid} (a (b) c) S {parent} {rest} {ticks} 0 0\n")
        if inode is not None:
            (folder / "fd" / "9").symlink_to(f"socket:[{inode}]")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"]
)
def test_the_listener_on_a_local_address(proc: Proc, host: str) -> None:
    proc.listen(host, 8000, 77)
    proc.process(42, VLLM, inode=77)
    assert procfs.command_line(8000, proc.root) == VLLM
    assert procfs.command_line(8001, proc.root) is None


@pytest.mark.parametrize(("host", "state"), [("10.0.0.5", "0A"), ("127.0.0.1", "01")])
def test_other_addresses_and_open_connections_do_not_count(
    proc: Proc, host: str, state: str
) -> None:
    proc.listen(host, 8000, 77, state)
    proc.process(42, VLLM, inode=77)
    assert procfs.command_line(8000, proc.root) is None


def test_a_rewritten_title_is_answered_by_the_nearest_ancestor(proc: Proc) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(10, ["vllm", "serve", "other"])
    proc.process(20, VLLM, parent=10)
    proc.process(30, ["VLLM::Supervisor"], parent=20)
    proc.process(40, ["VLLM::APIServer_0"], parent=30, inode=77)
    found = procfs.find(8000, proc.root)
    assert found is not None
    assert (found.pid, found.command_line) == (20, VLLM)


def test_of_several_owners_the_one_that_can_be_read_speaks(proc: Proc) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.listen("0.0.0.0", 8000, 78)
    proc.process(20, VLLM, inode=77)
    proc.process(15, ["VLLM::APIServer_0"], parent=20, inode=78)
    found = procfs.find(8000, proc.root)
    assert found is not None
    assert found.pid == 20


def test_something_else_on_the_port_is_no_server(proc: Proc) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(1, ["init"], parent=0)
    proc.process(42, ["nginx", "-g", "daemon off;"], inode=77)
    assert procfs.find(8000, proc.root) is None


def test_ancestors_that_lead_in_a_circle_come_to_an_end(proc: Proc) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(42, ["VLLM::APIServer_0"], parent=43, inode=77)
    proc.process(43, ["sh"], parent=42)
    assert procfs.find(8000, proc.root) is None


def test_processes_that_cannot_be_read_are_not_there(proc: Proc) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    (proc.root / "41").mkdir()
    proc.process(42, VLLM, inode=77)
    (proc.root / "42" / "stat").unlink()
    found = procfs.find(8000, proc.root)
    assert found is not None
    assert (found.pid, found.start_time) == (42, None)


def test_without_a_proc_nothing_is_visible(tmp_path: Path) -> None:
    assert procfs.find(8000, tmp_path / "none") is None
    assert procfs.start_time(1, tmp_path / "none") is None


def test_broken_tables_are_skipped(proc: Proc) -> None:
    rows = [f"0: {local} 0 0A 0 0 0 0 0 77" for local in ("zz:1F40", "00:1F40", "00000000:zz")]
    (proc.root / "net" / "tcp").write_text("\n".join(["head", "short", *rows]))
    proc.process(42, VLLM, inode=77)
    assert procfs.find(8000, proc.root) is None


def test_the_start_time_is_boot_plus_ticks(proc: Proc) -> None:
    proc.process(42, VLLM)
    assert procfs.start_time(42, proc.root) == 1700000100.0


def test_the_command_line_is_kept_out_of_the_text_form(proc: Proc) -> None:
    proc.listen("0.0.0.0", 8000, 77)
    proc.process(42, [*VLLM, "--api-key", "hush"], inode=77)
    assert "hush" not in repr(procfs.find(8000, proc.root))


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
        found = procfs.find(int(child.stdout.readline()))
        child.communicate("")
    assert found is not None
    assert found.pid == child.pid
    assert found.command_line[-5:] == arguments
    # The kernel tells its boot time to the second, and clocks are adjusted after boot.
    assert found.start_time == pytest.approx(before, abs=30)


def test_a_process_comes_with_its_ancestors_nearest_first(proc: Proc) -> None:
    proc.process(42, VLLM)
    proc.process(43, ["VLLM::EngineCore"], parent=42)
    proc.process(44, ["VLLM::Worker_TP0"], parent=43)
    assert procfs.lineage(44, proc.root) == (44, 43, 42, 1)
    assert procfs.lineage(99, proc.root) == (99,)


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        (f"0::/system.slice/docker-{'a1' * 32}.scope", "a1" * 32),
        (f"0::/kubepods.slice/pod1/cri-containerd-{'b2' * 32}.scope", "b2" * 32),
        (f"12:pids:/docker/{'c3' * 32}\n0::/", "c3" * 32),
        ("0::/user.slice/user-1000.slice/session-2.scope", ""),
        ("0::/", ""),
    ],
)
def test_the_container_is_the_one_its_cgroup_names(proc: Proc, cgroup: str, expected: str) -> None:
    proc.process(42, VLLM)
    (proc.root / "42" / "cgroup").write_text(cgroup + "\n")
    assert procfs.container(42, proc.root) == expected
    assert procfs.container(43, proc.root) == ""
