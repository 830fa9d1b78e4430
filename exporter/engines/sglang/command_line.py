"""SGLang's command line: its options and what they say of a server."""

from collections.abc import Mapping
from typing import Final

from ..sources.arguments import Syntax, parallel_size
from ..sources.facts import (
    Value,
    chosen,
    device,
    dtype,
    known_values,
    lower,
    model_name,
    positive_count,
    product,
    truth,
)
from .server_info import role, speculation, token_budget

SYNTAX: Final = Syntax(
    program="sglang",
    aliases={
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
)


def option_facts(options: Mapping[str, str]) -> dict[str, Value]:
    """Return what the options by full name say of the server."""
    tensor, pipeline = parallel_size(options, "tp_size"), parallel_size(options, "pp_size")
    data, shared = parallel_size(options, "dp_size"), truth(options.get("enable_dp_attention"))
    ranks = data if shared else 1
    cap, chunk = (
        positive_count(options.get("max_running_requests")),
        options.get("chunked_prefill_size"),
    )
    if positive_count(chunk) and ranks:
        # Both are given for all ranks of data-parallel attention together.
        chunk = str(int(chunk or 0) // ranks)
    disabled = truth(options.get("disable_radix_cache"))
    return known_values(
        model=model_name(options.get("served_model_name")) or model_name(options.get("model_path")),
        max_model_len=positive_count(options.get("context_length")),
        dtype=dtype(options.get("dtype")),
        quantization=lower(options.get("quantization")),
        kv_cache_dtype=chosen(options.get("kv_cache_dtype")),
        prefix_caching=None if disabled is None else not disabled,
        max_num_seqs=cap // ranks or None if cap and ranks else None,
        max_num_batched_tokens=token_budget(
            chunk if ranks else None,
            positive_count(options.get("max_prefill_tokens")),
            positive_count(options.get("context_length")),
        ),
        speculation=speculation(options),
        role=role(options.get("disaggregation_mode")),
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        data_parallel_local=data,
        expert_parallel=positive_count(options.get("ep_size")),
        device=device(options.get("device")),
        gpus=product(tensor, pipeline, 1 if shared else data),
    )
