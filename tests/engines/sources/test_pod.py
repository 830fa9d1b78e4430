"""What a pod's specification tells: the command line, the GPUs, the release, the settings."""

from typing import Any

import pytest

from exporter.base.errors import FetchError
from exporter.discovery.container import Container
from exporter.engines.identity import identify
from exporter.engines.registry import ENGINES
from exporter.engines.sources.pod import command_line, read

IMAGE = "vllm/vllm-openai:v0.20.2"
SERVE = ["vllm", "serve", "org/m", "--tensor-parallel-size", "4"]


def made(command: list[str], arguments: list[str] | None = None, **env: str) -> Container:
    return Container(IMAGE, tuple(command), tuple(arguments or ()), env)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (made(SERVE), SERVE),
        (made(["vllm"], SERVE[1:]), SERVE),
        (made([], ["--model", "org/m"]), ["--model", "org/m"]),
        (made(["/bin/sh", "-c"], ["exec vllm serve org/m \\\n  --tensor-parallel-size 4"]), None),
        (made(["bash", "-lc", "ray start --head; vllm serve org/m --port 8000 2>&1"]), None),
        (made(["vllm", "serve", "$(MODEL)"], MODEL="org/m"), ["vllm", "serve", "org/m"]),
        (made(["sh", "-c", "vllm serve ${MODEL}"], MODEL="org/m"), ["vllm", "serve", "org/m"]),
    ],
)
def test_command_line_of_a_pod(container: Container, expected: list[str] | None) -> None:
    found = command_line(container)
    if expected is not None:
        assert found == expected
    else:
        assert found is not None
        assert "vllm serve org/m" in " ".join(found)


@pytest.mark.parametrize(
    "container",
    [
        made(["vllm", "serve", "$(MODEL)"]),
        made(["vllm", "serve", "org/m", "$EXTRA"]),
        made(["sh", "-c", "vllm serve org/m $ARGS"], ARGS="--tensor-parallel-size 8"),
        made(["sh", "-c", "vllm serve 'org/m"]),
        made(["bash", "start.sh"]),
        made(["python3", "serve.py", "--tensor-parallel-size", "4"]),
        Container("registry.example/own:1", arguments=("start",)),
        made([]),
    ],
)
def test_line_that_could_say_anything_says_nothing(container: Container) -> None:
    assert command_line(container) is None


@pytest.mark.parametrize("words", [["--max-num-seqs", "$(N)"], ["--max-num-seqs=$(N)"]])
def test_open_value_is_unknown_and_costs_only_itself(words: list[str]) -> None:
    known = _known(made([*SERVE, *words]))
    assert known["tensor_parallel"] == 4
    assert "max_num_seqs" not in known


def test_what_a_script_works_out_is_open_and_ends_no_command() -> None:
    script = "vllm serve org/m --max-num-seqs $((2 * N)) --seed $(date +%s) --max-model-len 8"
    line = command_line(made(["sh", "-c", script]))
    assert line is not None
    assert line[3:] == ["--max-num-seqs", "", "--seed", "", "--max-model-len", "8"]


def test_a_quoted_word_ends_no_command() -> None:
    script = 'vllm serve org/m --kv-transfer-config \'{"a":\n "b|(c)"}\' --seed 1; echo'
    assert (command_line(made(["sh", "-c", script])) or [])[-2:] == ["--seed", "1"]


def test_open_size_of_the_layout_is_not_taken_for_one() -> None:
    known = _known(made(["vllm", "serve", "org/m", "--tensor-parallel-size", "$(TP)"]))
    assert "tensor_parallel" not in known
    assert "gpus" not in known


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.20.2", "0.20.2"),
        ("mirror.example/vllm/vllm-openai:v0.10.1.post1", "0.10.1.post1"),
        ("lmsysorg/sglang:v0.5.5-cu126", "0.5.5"),
        ("vllm/vllm-openai:latest", None),
        ("registry.example/team/vllm:1.4.2", None),
    ],
)
def test_only_the_engines_own_images_tell_a_version(image: str, version: str | None) -> None:
    engine = ENGINES["sglang" if "sglang" in image else "vllm"]
    assert read(engine, Container(image)).values.get("version") == version


def test_another_engines_image_tells_no_version() -> None:
    image = Container("lmsysorg/sglang:v0.5.5")
    assert "version" not in read(ENGINES["vllm"], image).values


def test_gpus_of_the_pod_stand_in_where_the_server_tells_none() -> None:
    container = Container("own:1", ("python3", "serve.py"), gpus=8)
    assert _known(container) == {"gpus": 8}
    assert _known(Container(IMAGE, tuple(SERVE), gpus=8))["gpus"] == 4


def test_environment_is_part_of_the_configuration_but_no_secret_is() -> None:
    plain = _identity(made(SERVE)).config
    backend = _identity(made(SERVE, VLLM_ATTENTION_BACKEND="FLASHINFER"))
    assert backend.config != plain
    secret = _identity(made(SERVE, HF_TOKEN="hf_abcdefghijk", VLLM_API_KEY="sk-1"))
    assert secret.config == plain
    assert "hf_" not in str(secret)


def _identity(container: Container) -> Any:
    def silent(_: str) -> bytes:
        raise FetchError("connect", "nobody is there")

    return identify("vllm", silent, container=container)


def _known(container: Container) -> dict[str, Any]:
    facts = _identity(container).facts
    wanted = ("gpus", "tensor_parallel", "max_num_seqs")
    return {key: facts[key].value for key in wanted if key in facts}
