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
    product,
    truth,
    whole,
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


def option_facts(given: Mapping[str, str]) -> dict[str, Value]:
    """Return what the options by full name say of the server."""
    tensor, pipeline = parallel_size(given, "tp_size"), parallel_size(given, "pp_size")
    data, shared = parallel_size(given, "dp_size"), truth(given.get("enable_dp_attention"))
    ranks = data if shared else 1
    cap, chunk = whole(given.get("max_running_requests")), given.get("chunked_prefill_size")
    if whole(chunk) and ranks:
        # Both are given for all ranks of data-parallel attention together.
        chunk = str(int(chunk or 0) // ranks)
    disabled = truth(given.get("disable_radix_cache"))
    return known_values(
        model=model_name(given.get("served_model_name")) or model_name(given.get("model_path")),
        max_model_len=whole(given.get("context_length")),
        dtype=dtype(given.get("dtype")),
        quantization=lower(given.get("quantization")),
        kv_cache_dtype=chosen(given.get("kv_cache_dtype")),
        prefix_caching=None if disabled is None else not disabled,
        max_num_seqs=cap // ranks or None if cap and ranks else None,
        max_num_batched_tokens=token_budget(
            chunk if ranks else None,
            whole(given.get("max_prefill_tokens")),
            whole(given.get("context_length")),
        ),
        speculation=speculation(given),
        role=role(given.get("disaggregation_mode")),
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        data_parallel_local=data,
        expert_parallel=whole(given.get("ep_size")),
        device=device(given.get("device")),
        gpus=product(tensor, pipeline, 1 if shared else data),
    )
