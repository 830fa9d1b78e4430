"""The load clients of the engines: their command for a shape of requests and a load point.

Flags are those that the argument parsers declare in the packages of vLLM 0.20.0 to 0.33.0
(`vllm/benchmarks`; a spread of each length is new in 0.20) and of SGLang 0.5.2 to 0.5.23
(`sglang/bench_serving.py`, `sglang/benchmark`). Pure.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Final

from .load_points import LoadPoint

_WIDEST: Final = 0.99
"""Relative half-width of the lengths a client draws; 1 is refused."""

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Requests to send: mean tokens, relative standard deviations, and tokens of one prefix of all.

    `prompt_spread` is of whole prompts.
    """

    model: str
    tokenizer: str
    prompt_tokens: int
    prompt_spread: float
    output_tokens: int
    output_spread: float
    prefix_tokens: int

    @property
    def own_tokens(self) -> int:
        """Tokens of a prompt behind the prefix."""
        return self.prompt_tokens - self.prefix_tokens


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client: where to, how it draws, and the file of its result or no such file.

    The file is the last word of the command.
    """

    base_url: str
    seed: int
    result: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """A load client: `command` returns a call of it.

    `program` is what it runs and `since` the first release of the engine that knows all flags;
    `start` is how a server of the engine is started.
    """

    program: str
    since: str
    command: Callable[[Shape, LoadPoint, Call], Command]
    notes: Callable[[Shape], list[str]]
    start: Callable[[str, int], Command]


def _half_width(spread: float) -> float:
    """Return the relative half-width of a uniform distribution of a relative standard deviation."""
    return min(sqrt(3.0) * spread, _WIDEST)


def _own_spread(shape: Shape) -> float:
    """Return the relative standard deviation behind a prefix that is the same in all prompts."""
    return shape.prompt_spread * shape.prompt_tokens / shape.own_tokens


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _vllm_command(shape: Shape, point: LoadPoint, call: Call) -> Command:
    widths = _half_width(_own_spread(shape)), _half_width(shape.output_spread)
    prompt, output = map(_number, widths)
    both = {"input": float(prompt), "output": float(output)}
    width = prompt if prompt == output else json.dumps(both, separators=(",", ":"))
    return (
        *("vllm", "bench", "serve", "--backend", "vllm", "--base-url", call.base_url),
        *("--model", shape.model),
        *(("--tokenizer", shape.tokenizer) if shape.tokenizer else ()),
        *("--dataset-name", "random", "--random-input-len", str(shape.own_tokens)),
        *("--random-output-len", str(shape.output_tokens), "--random-range-ratio", width),
        *(("--random-prefix-len", str(shape.prefix_tokens)) if shape.prefix_tokens else ()),
        *("--num-prompts", str(point.prompts), "--max-concurrency", str(point.concurrency)),
        *("--request-rate", "inf", "--ignore-eos", "--temperature", "0", "--seed", str(call.seed)),
        *(("--save-result", "--result-filename", call.result) if call.result else ()),
    )


def _vllm_notes(shape: Shape) -> list[str]:
    drawn = (
        ("prompt", shape.own_tokens, _own_spread(shape)),
        ("output", shape.output_tokens, shape.output_spread),
    )
    return [
        f"{what} lengths have a standard deviation of {spread * tokens:.0f} tokens, of which the "
        f"client draws {_WIDEST / sqrt(3.0) * tokens:.0f}, evenly around the mean: send your own "
        "requests with --dataset-name custom where the tail matters"
        for what, tokens, spread in drawn
        if sqrt(3.0) * spread > _WIDEST
    ]


def _sglang_command(shape: Shape, point: LoadPoint, call: Call) -> Command:
    if shape.prefix_tokens:
        data: Command = (
            *("--dataset-name", "generated-shared-prefix", "--gsp-num-groups", "1"),
            *("--gsp-prompts-per-group", str(point.prompts)),
            *("--gsp-system-prompt-len", str(shape.prefix_tokens)),
            *("--gsp-question-len", str(shape.own_tokens)),
            *("--gsp-output-len", str(shape.output_tokens)),
        )
    else:
        half = _half_width(_joint_spread(shape))
        longest = round(shape.prompt_tokens * (1 + half)), round(shape.output_tokens * (1 + half))
        data = (
            *("--dataset-name", "random-ids", "--random-input-len", str(longest[0])),
            *("--random-output-len", str(longest[1])),
            *("--random-range-ratio", _number((1 - half) / (1 + half)), "--tokenize-prompt"),
        )
    return (
        *("python3", "-m", "sglang.bench_serving", "--backend", "sglang"),
        *("--base-url", call.base_url, "--model", shape.model),
        *(("--tokenizer", shape.tokenizer) if shape.tokenizer else ()),
        *data,
        *("--num-prompts", str(point.prompts), "--max-concurrency", str(point.concurrency)),
        *("--request-rate", "inf", "--warmup-requests", "0", "--seed", str(call.seed)),
        *(("--output-file", call.result) if call.result else ()),
    )


def _joint_spread(shape: Shape) -> float:
    """Return the root mean square of both spreads: SGLang's client has one for both."""
    return hypot(shape.prompt_spread, shape.output_spread) / sqrt(2.0)


def _sglang_notes(shape: Shape) -> list[str]:
    if shape.prefix_tokens:
        return [
            "SGLang's client sends prompts with a shared prefix in one length: the spread of "
            "lengths is not in this load"
        ]
    return [
        "SGLang's client draws prompt and output lengths with one spread: "
        f"{_joint_spread(shape):.0%} for {shape.prompt_spread:.0%} and "
        f"{shape.output_spread:.0%}, and no more than {_WIDEST / sqrt(3.0):.0%}"
    ]


CLIENTS: Final[Mapping[str, Client]] = {
    "vllm": Client(
        "vllm bench serve",
        "0.20.0",
        _vllm_command,
        _vllm_notes,
        lambda model, port: ("vllm", "serve", model, "--port", str(port)),
    ),
    "sglang": Client(
        "python3 -m sglang.bench_serving",
        "0.5.2",
        _sglang_command,
        _sglang_notes,
        lambda model, port: (
            *("python3", "-m", "sglang.launch_server", "--model-path", model),
            *("--port", str(port), "--enable-metrics"),
        ),
    ),
}
"""By the engine's name."""
