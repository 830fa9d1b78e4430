"""How servers are started: command lines of pods, compose files and options."""

from typing import Any

import pytest
import yaml

from exporter.engines.registry import ENGINES
from exporter.preflight.finding import Place
from exporter.preflight.sources.launches import document_launches, environment_file, launch

VLLM = ENGINES["vllm"]
POD = """
kind: Pod
metadata: {name: llama}
spec:
  containers:
    - name: sidecar
      image: envoy
      args: [--concurrency, "2"]
    - name: server
      image: %s
      %s
      env: [{name: VLLM_X, value: "1"}, {name: TOKEN, valueFrom: {secretKeyRef: {}}}]
"""


def launches(text: str) -> list[Any]:
    return list(document_launches(yaml.safe_load(text), VLLM, "file"))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("vllm/vllm-openai:v0.19.1", "args: [--max-num-seqs, '64']"),
        ("vllm/vllm-openai:v0.19.1", "args: ['--max_num_seqs=64']"),
        ("company/llm", "command: [vllm, serve, m, --max-num-seqs, '64']"),
        ("company/llm", "command: [sh, -c, 'sleep 1; exec vllm serve m --max-num-seqs 64']"),
        (
            "company/llm",
            "command: [python3, -m, vllm.entrypoints.openai.api_server, --max-num-seqs, '64']",
        ),
    ],
)
def test_a_container_that_starts_the_engine_is_read(image: str, words: str) -> None:
    (server,) = launches(POD % (image, words))
    assert server.flags["--max-num-seqs"] == ("64",)
    assert server.environment["VLLM_X"] == "1"
    assert str(server.place) == "file (llama / server)"


@pytest.mark.parametrize(("asked", "known"), [("replicas: '8'", 8), ("x: y", None)])
def test_the_replicas_of_its_workload_are_known_where_they_are_said(
    asked: str, known: int | None
) -> None:
    container = "{image: vllm/vllm-openai, args: [--max-num-seqs, '4']}"
    (server,) = launches(f"spec: {{{asked}, template: {{containers: [{container}]}}}}")
    assert server.replicas == known


def test_a_container_of_something_else_is_not() -> None:
    assert launches(POD % ("lmsysorg/sglang:v0.5.20", "args: [--tp, '2']")) == []


def test_a_compose_file_is_read() -> None:
    (server,) = launches(
        "services: {llm: {image: vllm/vllm-openai, command: --model m --max-num-seqs 64, "
        "environment: [VLLM_X=1]}}"
    )
    assert (server.flags["--max-num-seqs"], server.environment) == (("64",), {"VLLM_X": "1"})
    assert server.place.path == "llm"


def test_shorthands_are_their_flags_and_unknown_ones_are_left_out() -> None:
    given = launch(
        VLLM, ["vllm", "serve", "m", "-tp", "4", "-O3", "--no-enable-x"], {}, Place("--args")
    )
    assert given.flags["--tensor-parallel-size"] == ("4",)
    assert given.flags["--enable-x"] == ("false",)
    assert not any(len(flag) < 5 for flag in given.flags)


def test_a_file_of_variables_is_read_line_by_line() -> None:
    text = "# tuned\nVLLM_A=1\nexport VLLM_B='two words'\n\n"
    assert environment_file(text) == {"VLLM_A": "1", "VLLM_B": "two words"}
    with pytest.raises(ValueError, match="line 2"):
        environment_file("A=1\nnonsense\n")
