"""How servers are started: command lines of pods, compose files and options."""

from typing import Any

import pytest
import yaml

from exporter.engines.registry import ENGINES
from exporter.preflight.catalog import release_catalog
from exporter.preflight.finding import Place
from exporter.preflight.sources.launches import document_launches, environment_file, launch

VLLM = ENGINES["vllm"]
ARGUMENTS = {name: release_catalog(name).names("arguments") for name in ENGINES}
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
    return list(document_launches(yaml.safe_load(text), VLLM, "file", ARGUMENTS))


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


PARTS = {
    "a model of an operator": """
kind: Model
spec:
  engine: VLLM
  args: [--swap-space=8, --max-model-len=4096]
  env: {VLLM_X: "1"}
""",
    "flags of a recipe": """
VLLM_X: "1"
common_extra_flags: "--swap-space 8"
decode_extra_flags: "--max-model-len 4096 --enforce-eager"
""",
    "arguments in a chart's values": """
vllm:
  VLLM_X: "1"
  extraCmdArgs: ["--swap-space", "8", "--max-model-len", "4096"]
""",
    "options by name in a chart's values": """
vllm_engine_args: {swap-space: "8", max_model_len: "4096", enforce-eager: }
env_vars: {VLLM_X: "1"}
""",
    "an application of Ray Serve": """
applications:
  - args:
      llm_configs:
        - engine_kwargs: {swap_space: 8, max_model_len: 4096, tensor_parallel_size: 1}
          runtime_env: {env_vars: {VLLM_X: "1"}}
""",
    "a patch without an image": """
spec:
  containers:
    - name: server
      command: [/bin/bash, -c]
      args: ["exec vllm serve $MODEL --swap-space 8 --max-model-len=4096 $MORE"]
      env: [{name: VLLM_X, value: "1"}]
""",
    "arguments in a variable": """
spec:
  containers:
    - name: main
      image: company/llm
      env:
        - {name: VLLM_ADDITIONAL_ARGS, value: "--swap-space 8 --max-model-len 4096"}
        - {name: VLLM_X, value: "1"}
""",
    "a program of its own": """
containers:
  - image: company/llm:1
    command: [python3, /workspace/api_server.py]
    args: [--swap-space=8, --max-model-len=4096, --enforce-eager, --of-its-own=x]
    env: [{name: VLLM_X, value: "1"}]
""",
    "a script": """
run: |
  export VLLM_X=1
  pip install vllm && vllm serve m --swap-space 8 \\
    --max-model-len 4096 &
  curl localhost:8000
""",
}


@pytest.mark.parametrize("text", PARTS.values(), ids=PARTS.keys())
def test_settings_that_name_no_program_are_read_as_what_they_resemble(text: str) -> None:
    found = launches(text)
    servers = [each for each in found if each.is_server]
    (flags,) = (each.flags for each in servers)
    assert (flags["--swap-space"], flags["--max-model-len"]) == (("8",), ("4096",))
    assert any(each.environment.get("VLLM_X") == "1" for each in found)
    assert not any("ADDITIONAL" in name for each in found for name in each.environment)


OTHERS = {
    "a router in the engine's image": """
containers:
  - image: vllm/vllm-openai:v0.20.2
    command: [python3, -m, vllm_router.app, --port, "8000", --decode, http://x]
""",
    "a router with few of its arguments alike": """
containers:
  - image: company/vllm-router/extproc
    args: [--secure=false, --grpc-port=1, --pool-name=x, --zap=y]
""",
    "another server with arguments of every server": """
containers:
  - image: company/vllm-fakes/katan
    command: [katan]
    args: [--model, m, --port, "8000", --served-model-name, n, --temperature, "0.7"]
""",
    "a benchmark": """
containers:
  - image: vllm/vllm-openai
    command: [python3, -m, vllm.benchmarks.serve, --max-concurrency, "4"]
""",
    "text about it": "description: run it by vllm serve and give it what you want",
    "the other engine's": """
containers: [{image: lmsysorg/sglang, args: [--model-path, m, --mem-fraction-static, "0.8"]}]
""",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_another_programs_is_not_the_engines(text: str) -> None:
    assert [each for each in launches(text) if each.flags] == []


def test_a_published_image_takes_the_engines_arguments_alone_and_others_may_take_more() -> None:
    for image, is_wrapped in (("vllm/vllm-openai:v1", False), ("r.io:5/a/vllm/vllm-openai", False)):
        (server,) = launches(f"{{image: '{image}', args: [--max-num-seqs, '4']}}")
        assert server.is_wrapped == is_wrapped
    (server,) = launches("{image: company/vllm-fast, args: [--max-num-seqs, '4']}")
    assert server.is_wrapped


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
