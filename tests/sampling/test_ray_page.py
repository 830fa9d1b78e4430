"""Engines and workers that a Ray node's page names."""

from exporter.engines import detect
from exporter.exposition import Layout, Reader
from exporter.gpu.attribution import RayPage
from exporter.sampling.ray_page import ray_page


def layout(*rows: str) -> Layout:
    return Reader(detect.is_in_catalog).read("".join(f"{row} 1\n" for row in rows)).layout


def running(**labels: str) -> str:
    written = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"ray_vllm_num_requests_running{{{written}}}"


def test_replicas_of_a_deployment_are_engines() -> None:
    page = layout(
        running(WorkerId="aa", ReplicaId="r1", engine="0"),
        running(WorkerId="bb", ReplicaId="r2", engine="0"),
        'ray_vllm_generation_tokens_total{WorkerId="cc",ReplicaId="r0",engine="0"}',
    )
    # the counters of a replica that has ended stay on the page
    assert ray_page(page) == RayPage(2, frozenset({"aa", "bb", "cc"}))


def test_the_processes_of_one_replica_are_one_engine() -> None:
    page = layout(
        'ray_sglang_num_running_reqs{WorkerId="aa",ReplicaId="",replica="r1"}',
        'ray_sglang_generation_tokens_total{WorkerId="bb",ReplicaId="x",replica="r1"}',
    )
    answer = ray_page(page)
    assert answer is None or answer == RayPage(1, frozenset({"aa", "bb"}))


def test_an_idle_engine_is_known_by_its_tokens() -> None:
    page = layout('ray_vllm_generation_tokens_total{WorkerId="aa",ReplicaId="r1"}')
    assert ray_page(page) == RayPage(1, frozenset({"aa"}))


def test_a_servers_own_page_is_no_ray_page() -> None:
    assert ray_page(layout('vllm:num_requests_running{engine="0",WorkerId=""}')) is None
