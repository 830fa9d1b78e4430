from pathlib import Path

import pytest

from exporter import procfs
from tests.proc_tree import ProcTree

VLLM = ["/usr/bin/python3", "/opt/bin/vllm", "serve", "m", "--max-num-seqs", "7"]


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"]
)
def test_the_listener_on_a_local_address(proc: ProcTree, host: str) -> None:
    proc.listen(host, 8000, 77)
    proc.process(42, VLLM, inode=77)
    assert procfs.listeners(8000, proc.root) == [42]
    assert procfs.listeners(8001, proc.root) == []
    assert procfs.command_line(42, proc.root) == VLLM


@pytest.mark.parametrize(("host", "state"), [("10.0.0.5", "0A"), ("127.0.0.1", "01")])
def test_other_addresses_and_open_connections_do_not_count(
    proc: ProcTree, host: str, state: str
) -> None:
    proc.listen(host, 8000, 77, state)
    proc.process(42, VLLM, inode=77)
    assert procfs.listeners(8000, proc.root) == []


def test_broken_tables_are_skipped(proc: ProcTree) -> None:
    rows = [f"0: {local} 0 0A 0 0 0 0 0 77" for local in ("zz:1F40", "00:1F40", "00000000:zz")]
    (proc.root / "net" / "tcp").write_text("\n".join(["head", "short", *rows]))
    proc.process(42, VLLM, inode=77)
    assert procfs.listeners(8000, proc.root) == []


def test_a_process_comes_with_its_ancestors_nearest_first(proc: ProcTree) -> None:
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
def test_the_container_is_the_one_its_cgroup_names(
    proc: ProcTree, cgroup: str, expected: str
) -> None:
    proc.process(42, VLLM)
    (proc.root / "42" / "cgroup").write_text(cgroup + "\n")
    assert procfs.container(42, proc.root) == expected
    assert procfs.container(43, proc.root) == ""


def test_the_start_time_is_boot_plus_ticks(proc: ProcTree) -> None:
    proc.process(42, VLLM)
    assert procfs.start_time(42, proc.root) == 1700000100.0


def test_without_a_proc_nothing_is_visible(tmp_path: Path) -> None:
    assert procfs.listeners(8000, tmp_path / "none") == []
    assert procfs.command_line(1, tmp_path / "none") == []
    assert procfs.start_time(1, tmp_path / "none") is None
