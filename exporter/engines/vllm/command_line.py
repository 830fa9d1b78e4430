"""vLLM's command line: its options and what they say of a server."""

from collections.abc import Mapping
from typing import Final

from ..sources.arguments import Syntax, parallel_size
from ..sources.facts import (
    Value,
    chosen,
    device,
    dtype,
    human,
    known_values,
    lower,
    model_name,
    parsed,
    positive_count,
    product,
    table,
    truth,
)
from .server_info import ROLES, expert_parallel

SYNTAX: Final = Syntax(
    program="vllm",
    positional="model",
    switches=frozenset(
        {
            "data_parallel_hybrid_lb",
            "data_parallel_external_lb",
            "data_parallel_multi_port_external_lb",
            "language_model_only",
        }
    ),
    aliases={
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
)


def option_facts(options: Mapping[str, str]) -> dict[str, Value]:
    """Return what the options by full name say of the server."""
    tensor = parallel_size(options, "tensor_parallel_size")
    pipeline = parallel_size(options, "pipeline_parallel_size")
    data = parallel_size(options, "data_parallel_size")
    local = _local_ranks(options, data)
    experts = truth(options.get("enable_expert_parallel"))
    return known_values(
        model=model_name(options.get("served_model_name")) or model_name(options.get("model")),
        max_model_len=human(options.get("max_model_len")),
        dtype=dtype(options.get("dtype")),
        quantization=lower(options.get("quantization")),
        kv_cache_dtype=chosen(options.get("kv_cache_dtype")),
        prefix_caching=truth(options.get("enable_prefix_caching")),
        max_num_seqs=human(options.get("max_num_seqs")),
        max_num_batched_tokens=human(options.get("max_num_batched_tokens")),
        speculation=_speculation(options),
        role=ROLES.get(str(_inside(options, "kv_transfer_config", "kv_role"))),
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        data_parallel_local=local,
        expert_parallel=expert_parallel(experts, product(tensor, data)),
        context_parallel=product(
            parallel_size(options, "prefill_context_parallel_size"),
            parallel_size(options, "decode_context_parallel_size"),
        ),
        device=device(options.get("device")),
        gpus=product(tensor, pipeline, _context_ranks(options), local),
    )


def _local_ranks(options: Mapping[str, str], data: int | None) -> int | None:
    """Return how many data-parallel ranks answer through one port."""
    if (
        "data_parallel_rank" in options
        or truth(options.get("data_parallel_external_lb"))
        or truth(options.get("data_parallel_multi_port_external_lb"))
    ):
        return 1
    if "data_parallel_start_rank" in options or truth(options.get("data_parallel_hybrid_lb")):
        return positive_count(options.get("data_parallel_size_local"))
    return data


def _context_ranks(options: Mapping[str, str]) -> int | None:
    return positive_count(options.get("prefill_context_parallel_size", "1"))


def _speculation(options: Mapping[str, str]) -> str | None:
    """Return the method; `on` where vLLM finds it out itself from the draft model."""
    method = lower(_inside(options, "speculative_config", "method"))
    configured = any(name.partition(".")[0] == "speculative_config" for name in options)
    return method or ("on" if configured else None)


def _inside(options: Mapping[str, str], option: str, key: str) -> object:
    """Return a key of an option that is given as JSON or as `--option.key`."""
    dotted = options.get(f"{option}.{key}", options.get(f"{option}.{key.replace('_', '-')}"))
    return dotted or table(parsed(options.get(option, ""))).get(key)
