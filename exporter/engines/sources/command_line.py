"""The server's own command line: what it was asked for.

An option that is not there tells nothing: its value may come from a file or from the hardware.
Only the parallel sizes are 1 in every release of both engines unless they are asked for.
"""

from collections.abc import Mapping, Sequence

from .arguments import options
from .facts import (
    Finding,
    Value,
    claims,
    dtype,
    human,
    lower,
    model_name,
    parsed,
    product,
    table,
    truth,
    whole,
)
from .settings import tell
from .sglang_info import role, speculation, token_budget
from .vllm_info import ROLES, expert_parallel


def read(engine: str, line: Sequence[str]) -> Finding:
    """Read the command line of a vLLM or SGLang server."""
    found = options(engine, line)
    given = {name: values[0] for name, values in found.items()}
    claimed = _sglang(given) if engine == "sglang" else _vllm(given)
    listed: dict[str, object] = {
        name: values[0] if len(values) == 1 else values for name, values in found.items()
    }
    return Finding("command_line", claimed, tell(listed, "args."))


def _vllm(given: Mapping[str, str]) -> dict[str, Value]:
    tensor = _ranks(given, "tensor_parallel_size")
    pipeline = _ranks(given, "pipeline_parallel_size")
    data = _ranks(given, "data_parallel_size")
    local = _local_ranks(given, data)
    experts = truth(given.get("enable_expert_parallel"))
    return claims(
        model=model_name(given.get("served_model_name")) or model_name(given.get("model")),
        max_model_len=human(given.get("max_model_len")),
        dtype=dtype(given.get("dtype")),
        quantization=lower(given.get("quantization")),
        kv_cache_dtype=_asked(given.get("kv_cache_dtype")),
        prefix_caching=truth(given.get("enable_prefix_caching")),
        max_num_seqs=human(given.get("max_num_seqs")),
        max_num_batched_tokens=human(given.get("max_num_batched_tokens")),
        speculation=_vllm_speculation(given),
        role=ROLES.get(str(_inside(given, "kv_transfer_config", "kv_role"))),
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        data_parallel_local=local,
        expert_parallel=expert_parallel(experts, product(tensor, data)),
        gpus=product(tensor, pipeline, _context_ranks(given), local),
    )


def _ranks(given: Mapping[str, str], option: str) -> int | None:
    """Return a parallel size: 1 where it is not asked for and no configuration file is read."""
    unasked = None if "config" in given else "1"
    return whole(given.get(option, unasked))


def _local_ranks(given: Mapping[str, str], data: int | None) -> int | None:
    """Return how many data-parallel ranks answer through one port."""
    if (
        "data_parallel_rank" in given
        or truth(given.get("data_parallel_external_lb"))
        or truth(given.get("data_parallel_multi_port_external_lb"))
    ):
        return 1
    if "data_parallel_start_rank" in given or truth(given.get("data_parallel_hybrid_lb")):
        return whole(given.get("data_parallel_size_local"))
    return data


def _context_ranks(given: Mapping[str, str]) -> int | None:
    return whole(given.get("prefill_context_parallel_size", "1"))


def _vllm_speculation(given: Mapping[str, str]) -> str | None:
    """Return the method; `on` where vLLM finds it out itself from the draft model."""
    method = lower(_inside(given, "speculative_config", "method"))
    chosen = any(name.partition(".")[0] == "speculative_config" for name in given)
    return method or ("on" if chosen else None)


def _inside(given: Mapping[str, str], option: str, key: str) -> object:
    """Return a key of an option that is given as JSON or as `--option.key`."""
    dotted = given.get(f"{option}.{key}", given.get(f"{option}.{key.replace('_', '-')}"))
    return dotted or table(parsed(given.get(option, ""))).get(key)


def _asked(value: str | None) -> str | None:
    """Return a name, None for `auto`, which leaves the choice to the server."""
    name = lower(value)
    return None if name == "auto" else name


def _sglang(given: Mapping[str, str]) -> dict[str, Value]:
    tensor, pipeline = _ranks(given, "tp_size"), _ranks(given, "pp_size")
    data, shared = _ranks(given, "dp_size"), truth(given.get("enable_dp_attention"))
    ranks = data if shared else 1
    cap, chunk = whole(given.get("max_running_requests")), given.get("chunked_prefill_size")
    if whole(chunk) and ranks:
        # Both are given for all ranks of data-parallel attention together.
        chunk = str(int(chunk or 0) // ranks)
    disabled = truth(given.get("disable_radix_cache"))
    return claims(
        model=model_name(given.get("served_model_name")) or model_name(given.get("model_path")),
        max_model_len=whole(given.get("context_length")),
        dtype=dtype(given.get("dtype")),
        quantization=lower(given.get("quantization")),
        kv_cache_dtype=_asked(given.get("kv_cache_dtype")),
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
        gpus=product(tensor, pipeline, 1 if shared else data),
    )
