"""Commands of the load clients: flags that their releases have, and lengths that come out."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from exporter.engines.load_clients.client import Command
from tests.bench_plan.plans import LONG_TAIL, TRAFFIC, plan

# as the argument parsers declare in the packages of vLLM 0.20.0 to 0.33.0 (vllm/benchmarks) and of
# SGLang 0.5.2 to 0.5.23 (sglang/bench_serving.py, sglang/benchmark): flags that each of them has
FLAGS = {
    "vllm": {
        *("--backend", "--base-url", "--model", "--tokenizer", "--served-model-name"),
        *("--dataset-name", "--random-input-len", "--random-output-len", "--random-range-ratio"),
        *("--random-prefix-len", "--num-prompts", "--max-concurrency", "--request-rate"),
        *("--ignore-eos", "--temperature", "--seed", "--save-result", "--result-filename"),
        *("--prefix-repetition-prefix-len", "--num-warmups", "--burstiness", "--result-dir"),
    },
    "sglang": {
        *("--backend", "--base-url", "--model", "--tokenizer", "--dataset-name"),
        *("--random-input-len", "--random-output-len", "--random-range-ratio"),
        *("--num-prompts", "--max-concurrency", "--request-rate", "--warmup-requests", "--seed"),
        *("--output-file", "--tokenize-prompt", "--disable-ignore-eos", "--flush-cache"),
        *("--gsp-num-groups", "--gsp-prompts-per-group", "--gsp-system-prompt-len"),
        *("--gsp-question-len", "--gsp-output-len"),
    },
}
SWITCHES = {"--ignore-eos", "--save-result", "--tokenize-prompt"}
SGLANG = replace(TRAFFIC, engine="sglang")
SGLANG_UNCACHED = replace(SGLANG, cached_share=0.0)


def options(command: Command) -> dict[str, str]:
    found = {}
    for word, value in zip(command, (*command[1:], ""), strict=True):
        if word.startswith("--"):
            found[word] = "" if word in SWITCHES else value
    return found


@pytest.mark.parametrize("traffic", [TRAFFIC, LONG_TAIL, SGLANG, SGLANG_UNCACHED])
def test_flags_are_those_of_the_releases(traffic: object) -> None:
    made = plan(traffic, tokenizer="org/tok")  # type: ignore[arg-type]
    for point in made.points:
        for command in (made.warm_up(point), made.measured(point, "runs/x.json")):
            assert set(options(command)) <= FLAGS[made.traffic.engine]
            assert options(command)["--tokenizer"] == "org/tok"


def test_vllm() -> None:
    made = plan()
    point = made.points[-1]
    command = made.measured(point, "runs/x.json")
    assert command[:3] == ("vllm", "bench", "serve")
    assert command[-1] == "runs/x.json"
    assert options(command) == {
        "--backend": "vllm",
        "--base-url": "http://127.0.0.1:8000",
        "--model": "org/dense-8b",
        "--dataset-name": "random",
        "--random-input-len": "750",
        "--random-output-len": "200",
        # 200 tokens of spread are in the 750 that differ: sqrt(3) * 200 / 750, sqrt(3) * 60 / 200
        "--random-range-ratio": '{"input":0.46,"output":0.52}',
        "--random-prefix-len": "250",
        "--num-prompts": str(point.prompts),
        "--max-concurrency": str(point.concurrency),
        "--request-rate": "inf",
        "--ignore-eos": "",
        "--temperature": "0",
        "--seed": "2",
        "--save-result": "",
        "--result-filename": "runs/x.json",
    }


def test_lengths_that_vllm_draws_are_the_fleets() -> None:
    found = options(plan().measured(plan().points[0]))
    widths = json.loads(found["--random-range-ratio"])
    random = np.random.default_rng(1)

    def drawn(length: int, width: float) -> np.ndarray:
        return random.integers(round(length * (1 - width)), round(length * (1 + width)) + 1, 20_000)

    prompts = int(found["--random-prefix-len"]) + drawn(750, widths["input"])
    outputs = drawn(200, widths["output"])
    assert (prompts.mean(), prompts.std()) == pytest.approx((1000, 200), rel=0.02)
    assert (outputs.mean(), outputs.std()) == pytest.approx((200, 60), rel=0.02)


def test_lengths_that_sglang_draws_are_the_fleets() -> None:
    found = options(plan(SGLANG_UNCACHED).measured(plan().points[0]))
    random, width = np.random.default_rng(1), float(found["--random-range-ratio"])

    def drawn(option: str) -> np.ndarray:
        longest = int(found[option])
        return random.integers(int(longest * width), longest + 1, 20_000)

    prompts, outputs = drawn("--random-input-len"), drawn("--random-output-len")
    assert (prompts.mean(), outputs.mean()) == pytest.approx((1000, 200), rel=0.02)
    # one spread for both: between a fifth and three tenths
    assert 0.2 < prompts.std() / prompts.mean() < 0.3


def test_sglang_shares_its_prefix_in_one_group() -> None:
    made = plan(SGLANG)
    found = options(made.measured(made.points[0]))
    assert found["--dataset-name"] == "generated-shared-prefix"
    assert (found["--gsp-num-groups"], found["--gsp-system-prompt-len"]) == ("1", "250")
    assert found["--gsp-prompts-per-group"] == found["--num-prompts"]
    assert any("in one length" in note for note in made.notes)


def test_lengths_without_a_spread_are_one_number() -> None:
    made = plan(input_tokens=500, output_tokens=50)
    found = options(made.measured(made.points[0]))
    assert found["--random-range-ratio"] == "0"
    assert (found["--random-prefix-len"], found["--random-input-len"]) == ("125", "375")


def test_a_spread_that_no_client_draws_is_said() -> None:
    made = plan(LONG_TAIL)
    assert any("output lengths have a standard deviation of 400 tokens" in n for n in made.notes)
    assert '"output":0.99' in options(made.measured(made.points[0]))["--random-range-ratio"]


def test_warm_up_has_other_prompts_than_the_measurement() -> None:
    made = plan()
    seeds = [
        options(command(point))["--seed"]
        for command in (made.warm_up, made.measured)
        for point in made.points
    ]
    assert len(set(seeds)) == 2 * len(made.points)
    assert "--save-result" not in options(made.warm_up(made.points[0]))


def test_names_are_quoted_where_a_shell_reads_them() -> None:
    from exporter.bench_plan.text import shell_line

    made = plan(replace(TRAFFIC, model="a b'; rm -rf $HOME"))
    command = made.measured(made.points[0])
    assert tuple(shlex.split(shell_line(command))) == command
