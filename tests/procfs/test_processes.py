from pathlib import Path

import pytest

from exporter.procfs import processes
from tests.proc_tree import ProcTree

VLLM = ["/usr/bin/python3", "/opt/bin/vllm", "serve", "m", "--max-num-seqs", "7"]


@pytest.fixture
def proc(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path)


def test_a_process_comes_with_its_ancestors_nearest_first(proc: ProcTree) -> None:
    proc.process(42, VLLM)
    proc.process(43, ["VLLM::EngineCore"], parent=42)
    proc.process(44, ["VLLM::Worker_TP0"], parent=43)
    assert processes.lineage(44, proc.root) == (44, 43, 42, 1)
    assert processes.lineage(99, proc.root) == (99,)


def test_ancestors_that_lead_in_a_circle_come_to_an_end(proc: ProcTree) -> None:
    proc.process(42, VLLM, parent=43)
    proc.process(43, ["sh"], parent=42)
    assert processes.lineage(42, proc.root)[:3] == (42, 43, 42)


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
    assert processes.container(42, proc.root) == expected
    assert processes.container(43, proc.root) == ""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (VLLM, "python3 vllm"),
        (["/usr/bin/python3", "/srv/my_server.py", "--api-key", "hush"], "python3 my_server.py"),
        (["python", "-u", "-m", "dynamo.frontend"], "python -m dynamo.frontend"),
        (["python3.12", "-c", "from vllm import main; main('hush')"], "python3.12 -c"),
        (["VLLM::APIServer_0"], "VLLM::APIServer_0"),
        (["ray::ServeReplica:app:LLMServer.hush()"], "ray::ServeReplica:app:LLMServer.hush()"),
        (["sglang::tokenizer_worker:77"], "sglang::tokenizer_worker:77"),
        (["nginx: master process /usr/sbin/nginx -g daemon off;"], "nginx"),
        (["/usr/bin/docker-proxy", "-host-port", "8000"], "docker-proxy"),
        (["/app/pd-sidecar", "--port=8000", "--vllm-port=8001"], "pd-sidecar"),
        ([], "a (b) c"),
    ],
)
def test_a_process_is_named_without_what_may_be_secret(
    proc: ProcTree, line: list[str], name: str
) -> None:
    proc.process(42, line)
    assert processes.name(42, proc.root) == name


def test_what_is_not_visible_is_not_there(tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert processes.command_line(1, none) == []
    assert processes.start_ticks(1, none) == 0
    assert processes.executable(1, none) == ""
    assert not processes.in_initial_namespace(none)
