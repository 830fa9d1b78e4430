"""SGLang's load client, `sglang.bench_serving`.

Flags are those that the argument parsers declare in the packages of SGLang 0.5.2 to 0.5.23
(`sglang/bench_serving.py`, `sglang/benchmark`). Pure.
"""

from math import hypot, sqrt
from typing import Final

from ..load_clients.client import Call, Command, LoadClient, Shape
from ..load_clients.spread import WIDEST_SPREAD, decimal, half_width


def _command(shape: Shape, call: Call) -> Command:
    return (
        *("python3", "-m", "sglang.bench_serving", "--backend", "sglang"),
        *("--base-url", call.base_url, "--model", shape.model),
        *(("--tokenizer", shape.tokenizer) if shape.tokenizer else ()),
        *(_shared(shape, call) if shape.prefix_tokens else _apart(shape)),
        *("--num-prompts", str(call.prompts), "--max-concurrency", str(call.concurrency)),
        *("--request-rate", "inf", "--warmup-requests", "0", "--seed", str(call.seed)),
        *(("--output-file", call.result) if call.result else ()),
    )


def _shared(shape: Shape, call: Call) -> Command:
    """Return the options of prompts with one prefix, which are of one length."""
    return (
        *("--dataset-name", "generated-shared-prefix", "--gsp-num-groups", "1"),
        *("--gsp-prompts-per-group", str(call.prompts)),
        *("--gsp-system-prompt-len", str(shape.prefix_tokens)),
        *("--gsp-question-len", str(shape.own_tokens)),
        *("--gsp-output-len", str(shape.output_tokens)),
    )


def _apart(shape: Shape) -> Command:
    """Return the options of prompts that share nothing."""
    half = half_width(_joint_spread(shape))
    longest = round(shape.prompt_tokens * (1 + half)), round(shape.output_tokens * (1 + half))
    return (
        *("--dataset-name", "random-ids", "--random-input-len", str(longest[0])),
        *("--random-output-len", str(longest[1])),
        *("--random-range-ratio", decimal((1 - half) / (1 + half)), "--tokenize-prompt"),
    )


def _joint_spread(shape: Shape) -> float:
    """Return the root mean square of both spreads: the client has one for both."""
    return hypot(shape.prompt_spread, shape.output_spread) / sqrt(2.0)


def _notes(shape: Shape) -> list[str]:
    if shape.prefix_tokens:
        return [
            "SGLang's client sends prompts with a shared prefix in one length: the spread of "
            "lengths is not in this load"
        ]
    return [
        "SGLang's client draws prompt and output lengths with one spread: "
        f"{_joint_spread(shape):.0%} for {shape.prompt_spread:.0%} and "
        f"{shape.output_spread:.0%}, and no more than {WIDEST_SPREAD:.0%}"
    ]


LOAD_CLIENT: Final = LoadClient(
    program="python3 -m sglang.bench_serving",
    since="0.5.2",
    command=_command,
    notes=_notes,
    start=lambda model, port: (
        *("python3", "-m", "sglang.launch_server", "--model-path", model),
        *("--port", str(port), "--enable-metrics"),
    ),
)
