from pathlib import Path

import pytest

from exporter.engines.process import engine_command_line, starts_ray_workers
from tests.proc_tree import ProcTree

VLLM = ["/usr/bin/python3", "/opt/bin/vllm", "serve", "m", "--max-num-seqs", "7"]


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path)


def test_a_rewritten_title_is_answered_by_the_nearest_ancestor(proc: ProcTree) -> None:
    proc.process(10, ["vllm", "serve", "other"])
    proc.process(20, VLLM, parent=10)
    proc.process(30, ["VLLM::Supervisor"], parent=20)
    proc.process(40, ["VLLM::APIServer_0"], parent=30)
    assert engine_command_line([40], proc.root) == VLLM


def test_of_several_holders_the_one_that_can_be_read_speaks(proc: ProcTree) -> None:
    proc.process(10, ["vllm", "serve", "other"])
    proc.process(15, ["VLLM::APIServer_0"], parent=10)
    proc.process(20, VLLM)
    assert engine_command_line([15, 20], proc.root) == VLLM


@pytest.mark.parametrize("line", [["nginx", "-g", "daemon off;"], ["python", "my_server.py"]])
def test_a_command_line_of_something_else_says_nothing(proc: ProcTree, line: list[str]) -> None:
    proc.process(1, ["init"], parent=0)
    proc.process(42, line)
    assert engine_command_line([42, 99], proc.root) == []


def test_ancestors_that_lead_in_a_circle_come_to_an_end(proc: ProcTree) -> None:
    proc.process(42, ["VLLM::APIServer_0"], parent=43)
    proc.process(43, ["sh"], parent=42)
    assert engine_command_line([42], proc.root) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["vllm", "serve", "m", "--distributed-executor-backend", "ray"], True),
        (["vllm", "serve", "m", "--data-parallel-backend=ray"], True),
        (["vllm", "serve", "m", "--distributed-executor-backend", "mp"], False),
        (["vllm", "serve", "ray"], False),
        ([], False),
    ],
)
def test_a_command_line_may_leave_its_workers_to_ray(line: list[str], expected: bool) -> None:
    assert starts_ray_workers(line) is expected
