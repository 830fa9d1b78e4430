"""vLLM's load client, `vllm bench serve`.

Flags are those that the argument parsers declare in the packages of vLLM 0.20.0 to 0.33.0
(`vllm/benchmarks`); a spread of each length is new in 0.20. Pure.
"""

import json
from typing import Final

from ..load_clients.client import Call, Command, LoadClient, Shape
from ..load_clients.spread import WIDEST_SPREAD, decimal, half_width


def _command(shape: Shape, call: Call) -> Command:
    prompt, output = (decimal(half_width(each)) for each in (shape.own_spread, shape.output_spread))
    both = {"input": float(prompt), "output": float(output)}
    width = prompt if prompt == output else json.dumps(both, separators=(",", ":"))
    return (
        *("vllm", "bench", "serve", "--backend", "vllm", "--base-url", call.base_url),
        *("--model", shape.model),
        *(("--tokenizer", shape.tokenizer) if shape.tokenizer else ()),
        *("--dataset-name", "random", "--random-input-len", str(shape.own_tokens)),
        *("--random-output-len", str(shape.output_tokens), "--random-range-ratio", width),
        *(("--random-prefix-len", str(shape.prefix_tokens)) if shape.prefix_tokens else ()),
        *("--num-prompts", str(call.prompts), "--max-concurrency", str(call.concurrency)),
        *("--request-rate", "inf", "--ignore-eos", "--temperature", "0", "--seed", str(call.seed)),
        *(("--save-result", "--result-filename", call.result) if call.result else ()),
    )


def _notes(shape: Shape) -> list[str]:
    drawn = (
        ("prompt", shape.own_tokens, shape.own_spread),
        ("output", shape.output_tokens, shape.output_spread),
    )
    return [
        f"{what} lengths have a standard deviation of {spread * tokens:.0f} tokens, of which the "
        f"client draws {WIDEST_SPREAD * tokens:.0f}, evenly around the mean: send your own "
        "requests with --dataset-name custom where the tail matters"
        for what, tokens, spread in drawn
        if spread > WIDEST_SPREAD
    ]


LOAD_CLIENT: Final = LoadClient(
    program="vllm bench serve",
    since="0.20.0",
    command=_command,
    notes=_notes,
    start=lambda model, port: ("vllm", "serve", model, "--port", str(port)),
)
