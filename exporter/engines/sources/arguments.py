"""A command line as options by name, whichever engine it starts.

`--flag value`, `--flag=value`, `--flag`, `--no-flag`, `-tp 2`, `--config.key value` and JSON
values all come out as `name -> values`, with underscores, as the engines' own parsers take them.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final

ENGINES: Final = frozenset({"vllm", "sglang"})

_ALIASES: Final[Mapping[str, Mapping[str, str]]] = {
    "vllm": {
        "tp": "tensor_parallel_size",
        "pp": "pipeline_parallel_size",
        "pcp": "prefill_context_parallel_size",
        "dcp": "decode_context_parallel_size",
        "dp": "data_parallel_size",
        "dpl": "data_parallel_size_local",
        "dpn": "data_parallel_rank",
        "dpr": "data_parallel_start_rank",
        "dpa": "data_parallel_address",
        "dpp": "data_parallel_rpc_port",
        "dpb": "data_parallel_backend",
        "dph": "data_parallel_hybrid_lb",
        "dpe": "data_parallel_external_lb",
        "dpm": "data_parallel_multi_port_external_lb",
        "ep": "enable_expert_parallel",
        "q": "quantization",
        "n": "nnodes",
        "r": "node_rank",
        "asc": "api_server_count",
        "sc": "speculative_config",
        "cc": "compilation_config",
        "ac": "attention_config",
    },
    "sglang": {
        "tp": "tp_size",
        "tensor_parallel_size": "tp_size",
        "dp": "dp_size",
        "data_parallel_size": "dp_size",
        "pp": "pp_size",
        "pipeline_parallel_size": "pp_size",
        "ep": "ep_size",
        "expert_parallel_size": "ep_size",
        "model": "model_path",
        "speculative_algo": "speculative_algorithm",
    },
}
_FLAG: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_SWITCH: Final = re.compile(
    r"(?:enable|disable|no|trust|enforce|skip|use|allow|async|headless)(?:_.*|$)"
    r"|data_parallel_(?:hybrid|external|multi_port_external)_lb|language_model_only"
)
"""Options that take no value, or a boolean one: a word behind them is something else."""


def located(line: Sequence[str]) -> int | None:
    """Return where the arguments of a vLLM or SGLang server begin, None where none is started."""
    for at, word in enumerate(line[:-1]):
        following = line[at + 1]
        if PurePath(word).name in ENGINES and following == "serve":
            return at + 2
        if word == "-m" and ENGINES & {*following.split(".")[:2]}:
            return at + 2
        path = PurePath(word)
        if path.suffix == ".py" and ENGINES & {*path.parts}:
            return at + 1
    return None


def options(engine: str, line: Sequence[str]) -> dict[str, list[str]]:
    """Return the options of a command line by full name; the last of several is kept.

    `model` also holds vLLM's model where it stands without an option.
    """
    begin = located(line)
    found, name = dict[str, list[str]](), ""
    for at, word in enumerate(line[begin or 0 :]):
        if _FLAG.fullmatch(word.partition("=")[0]):
            option, equals, value = word.lstrip("-").partition("=")
            name = _full_name(engine, option)
            found[name] = [value] if equals else []
            if equals:
                name = ""
        elif name and not (_SWITCH.fullmatch(name) and word.lower() not in ("true", "false")):
            found[name].append(word)
        elif engine == "vllm" and (at == 0 or name):
            found.setdefault("model", [word])
            name = ""
    return _positive(found)


def _full_name(engine: str, option: str) -> str:
    """Return an option's full name; keys inside a configuration are kept as written."""
    head, dot, key = option.partition(".")
    head = head.replace("-", "_")
    return f"{_ALIASES.get(engine, {}).get(head, head)}{dot}{key.rstrip('+')}"


def _positive(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Write `--flag` as true and `--no-flag` as false."""
    written = dict[str, list[str]]()
    for name, values in found.items():
        if values:
            written[name] = values
        elif name.startswith("no_"):
            written[name.removeprefix("no_")] = ["false"]
        else:
            written[name] = ["true"]
    return written
