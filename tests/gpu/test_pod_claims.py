"""Pods named for a GPU in turn share it; pods that follow each other do so for a while."""

from exporter.gpu.pod_claims import PodClaims
from exporter.gpu.reading import GpuReading, Pod

A, B = Pod("llm", "vllm-a", "vllm"), Pod("llm", "vllm-b", "vllm")


class Page:
    """What a page names at one time: pods by GPU."""

    def __init__(self) -> None:
        self.claims = PodClaims()

    def read(self, time: float, **pods: tuple[Pod, ...]) -> dict[str, tuple[set[str], bool]]:
        """Return the names of the pods of each GPU, and whether it is shared."""
        gpus = {
            uuid: GpuReading(uuid, "NVIDIA L4", "dcgm", time, {}, pods=named)
            for uuid, named in pods.items()
        }
        return {
            uuid: ({pod.name for pod in gpu.pods}, gpu.shared)
            for uuid, gpu in self.claims.with_claims(gpus, time).items()
        }


BOTH = ({"vllm-a", "vllm-b"}, True)


def test_a_gpu_whose_pod_changes_is_shared_by_both() -> None:
    page = Page()
    assert page.read(0, G=(A,))["G"] == ({"vllm-a"}, False)
    assert page.read(10, G=(B,))["G"] == BOTH
    assert page.read(20, G=(A,))["G"] == BOTH


def test_the_pod_that_followed_another_has_the_gpu_after_some_minutes() -> None:
    page = Page()
    page.read(0, G=(A,))
    assert page.read(10, G=(B,))["G"] == BOTH
    assert page.read(400, G=(B,))["G"] == ({"vllm-b"}, False)


def test_pods_that_came_back_share_the_gpu_for_long() -> None:
    page = Page()
    for time in (0, 10, 20):
        page.read(time, G=(A,) if time != 10 else (B,))
    assert page.read(2000, G=(A,))["G"] == BOTH
    assert page.read(3000, G=())["G"] == BOTH
    assert page.read(7000, G=(A,))["G"] == ({"vllm-a"}, False)


def test_a_pod_that_still_works_keeps_its_part() -> None:
    page = Page()
    page.read(0, G=(A,))
    page.read(10, G=(B,))
    for time in range(100, 1000, 100):
        page.claims.keep(("llm", "vllm-a"))
        assert page.read(time, G=(B,))["G"] == BOTH


def test_a_gpu_named_for_nobody_for_a_while_is_nobodys() -> None:
    page = Page()
    page.read(0, G=(A,))
    assert page.read(10, G=())["G"] == (set(), False)
    assert page.read(20, G=(A,))["G"] == ({"vllm-a"}, False)


def test_a_pod_that_moved_to_another_gpu_has_that_one() -> None:
    page = Page()
    page.read(0, G=(A,), H=(B,))
    moved = page.read(10, G=(B,), H=(A,))
    assert moved == {"G": ({"vllm-b"}, True), "H": ({"vllm-a"}, True)}
    page.claims.keep(("llm", "vllm-a"))
    assert page.read(400, G=(B,), H=(A,)) == {"G": ({"vllm-b"}, False), "H": ({"vllm-a"}, False)}


def test_containers_of_one_pod_are_one_user() -> None:
    page = Page()
    page.read(0, G=(A,))
    assert page.read(10, G=(Pod("llm", "vllm-a", "router"),))["G"] == ({"vllm-a"}, False)
