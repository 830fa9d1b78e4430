"""The Jobs: they fit their schema, run in order, and hold the plan's commands."""

from dataclasses import replace

import pytest
import yaml

from exporter.bench_plan.kubernetes import jobs
from tests.bench_plan.plans import TRAFFIC, plan
from tests.deploy.kube import Object, check

IMAGES = {"baseline": "vllm/vllm-openai:v0.26.0", "candidate": "vllm/vllm-openai:v0.27.0"}
STARTS = {"baseline": "vllm serve a", "candidate": "vllm serve a --async-scheduling"}


def manifest(**request: object) -> list[Object]:
    made = plan(replace(TRAFFIC, model="org/it's: $HOME # x"), **request)
    return list(yaml.safe_load_all(jobs(made, IMAGES, STARTS, gpus=4)))


def test_every_document_fits_its_schema() -> None:
    assert {check(document) for document in manifest()} == {"Kubernetes"}


def test_a_job_a_run_and_one_that_compares() -> None:
    claim, *runs, compare = manifest()
    assert claim["kind"] == "PersistentVolumeClaim"
    assert [run["metadata"]["name"] for run in runs] == [
        *("inferfleet-bench-01-baseline", "inferfleet-bench-02-candidate"),
        *("inferfleet-bench-03-candidate", "inferfleet-bench-04-baseline"),
    ]
    assert all(job["spec"]["suspend"] for job in (*runs, compare))
    (container,) = compare["spec"]["template"]["spec"]["containers"]
    assert tuple(container["args"]) == plan().compare()[1:]


@pytest.mark.parametrize("place", range(4))
def test_a_run(place: int) -> None:
    made = plan(replace(TRAFFIC, model="org/it's: $HOME # x"))
    job = manifest()[1 + place]
    side = made.order[place]
    pod = job["spec"]["template"]["spec"]
    server, warm_up = pod["initContainers"]
    assert server["image"] == IMAGES[side]
    assert server["command"] == ["sh", "-c", STARTS[side]]
    # a sidecar: the warm-up begins when it is healthy, and the Job does not wait for its end
    assert server["restartPolicy"] == "Always"
    assert server["startupProbe"]["httpGet"] == {"path": "/health", "port": 8000}
    assert server["resources"] == {"limits": {"nvidia.com/gpu": 4}}
    record, load = pod["containers"]
    # one client for both sides
    assert warm_up["image"] == load["image"] == IMAGES["baseline"]
    assert warm_up["command"][2].count("vllm bench serve") == len(made.points)
    assert "--model 'org/it'\"'\"'s: $HOME # x'" in load["command"][2]
    assert tuple(record["args"]) == made.record(made.names[place])[1:]
    mounted = {mount["mountPath"] for one in (record, load) for mount in one["volumeMounts"]}
    assert mounted == {"/runs"}


def test_servers_are_measured_in_their_own_pod() -> None:
    _, first, *_ = manifest(base_url="http://gpu-7:9000", port=9000)
    pod = first["spec"]["template"]["spec"]
    assert "gpu-7" not in str(pod)
    assert pod["containers"][0]["args"][1] == "http://127.0.0.1:9000"


def test_the_head_releases_the_runs_in_order() -> None:
    text = jobs(plan(), IMAGES, STARTS, gpus=1)
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert any(
        "for run in 01-baseline 02-candidate 03-candidate 04-baseline compare; do" in line
        for line in head
    )
