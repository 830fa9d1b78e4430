"""One look through /proc: holders of sockets, and who descends from whom."""

from pathlib import Path

import pytest

from exporter.procfs.process_table import process_table
from tests.proc_tree import ProcTree


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path)


def test_descendants_are_at_any_depth(proc: ProcTree) -> None:
    proc.process(42, ["vllm"])
    proc.process(43, ["VLLM::EngineCore"], parent=42)
    proc.process(44, ["VLLM::Worker_TP0"], parent=43)
    table = process_table(proc.root)
    assert table.descendants(42) == {43, 44}
    assert table.descendants(44) == table.descendants(99) == set()


def test_parents_that_lead_in_a_circle_come_to_an_end(proc: ProcTree) -> None:
    proc.process(42, ["vllm"], parent=43)
    proc.process(43, ["sh"], parent=42)
    assert process_table(proc.root).descendants(42) == {43}


def test_holders_and_ports_of_listening_sockets_alone(proc: ProcTree) -> None:
    proc.listen("0.0.0.0", 8000, 70)
    proc.listen("0.0.0.0", 8001, 71)
    proc.process(42, ["vllm"], inode=70, files=("socket:[99]",))
    proc.process(43, ["vllm"], inode=70, files=("socket:[71]",))
    table = process_table(proc.root)
    assert table.pids({"70"}) == (42, 43)
    assert table.pids({"71"}) == (43,)
    assert table.pids({"99"}) == table.pids(()) == ()
    assert table.ports(43) == {8000, 8001}
    assert table.ports(42) == {8000}


def test_without_a_proc_nothing_is_seen(tmp_path: Path) -> None:
    table = process_table(tmp_path / "none")
    assert (table.listening, table.holders, table.children) == ((), {}, {})
