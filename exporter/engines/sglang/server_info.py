"""`GET /server_info` of SGLang (`/get_server_info` before 0.5.9): all server arguments, flat.

Most figures are options as they were given. From 0.5.9 `internal_states`, one for each
data-parallel rank, hold the cap on running requests that came of it.
"""

from collections.abc import Mapping

from ..sources.facts import (
    SourceReport,
    Value,
    device,
    dtype,
    items,
    known_values,
    lower,
    model_name,
    positive_count,
    product,
    table,
    truth,
    word,
)
from ..sources.settings import public_settings
from .runtime import RUNTIME_SETTINGS

PATH = "/server_info"
OLD_PATH = "/get_server_info"


def read(body: object) -> list[SourceReport]:
    """Read the decoded answer: what was resolved, and apart from it what was requested."""
    info = table(body)
    settings = public_settings(info, runtime=RUNTIME_SETTINGS)
    return [
        SourceReport("server_info", _resolved(info), settings),
        SourceReport("server_args", known_values(max_num_seqs=_requested_cap(info))),
    ]


def _resolved(info: Mapping[str, object]) -> dict[str, Value]:
    tensor, pipeline = positive_count(info.get("tp_size")), positive_count(info.get("pp_size"))
    data, shared = positive_count(info.get("dp_size")), truth(info.get("enable_dp_attention"))
    disabled = truth(info.get("disable_radix_cache"))
    # Data-parallel attention splits the ranks of tensor parallelism; plain data parallelism
    # starts whole replicas.
    replicas = 1 if shared else data
    return known_values(
        version=word(info.get("version")),
        model=model_name(info.get("served_model_name")) or model_name(info.get("model_path")),
        max_model_len=positive_count(info.get("context_length")),
        dtype=dtype(info.get("dtype")),
        # Unset says nothing here: a quantised checkpoint is served with the argument unset.
        quantization=lower(info.get("quantization")),
        kv_cache_dtype=lower(info.get("kv_cache_dtype")),
        prefix_caching=None if disabled is None else not disabled,
        speculation=speculation(info),
        role=role(info.get("disaggregation_mode")),
        max_num_seqs=_cap(info),
        max_num_batched_tokens=token_budget(
            info.get("chunked_prefill_size"),
            positive_count(info.get("max_prefill_tokens")),
            positive_count(info.get("context_length"))
            or positive_count(info.get("max_req_input_len")),
        ),
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        data_parallel_local=data,
        expert_parallel=positive_count(info.get("ep_size")),
        device=device(info.get("device")),
        gpus=product(tensor, pipeline, replicas) if info.get("device") != "cpu" else None,
    )


def _cap(info: Mapping[str, object]) -> int | None:
    """Return the running requests one data-parallel rank takes, as the scheduler resolved it."""
    caps = {
        positive_count(state.get("effective_max_running_requests_per_dp"))
        for state in items(info.get("internal_states"))
    }
    return caps.pop() if len(caps) == 1 else None


def _requested_cap(info: Mapping[str, object]) -> int | None:
    """Return the cap as requested, which data-parallel attention shares out among its ranks."""
    cap = positive_count(info.get("max_running_requests"))
    ranks = positive_count(info.get("dp_size")) if truth(info.get("enable_dp_attention")) else 1
    return cap // ranks or None if cap and ranks else None


def speculation(arguments: Mapping[str, object]) -> str | None:
    """Return the speculation method, `none` where it is off, from arguments by name."""
    if "speculative_algorithm" not in arguments:
        return None
    return lower(arguments["speculative_algorithm"]) or "none"


def role(mode: object) -> str | None:
    """Return the part in disaggregated serving; the mode of a server that does both is `null`."""
    return {"null": "both", "prefill": "prefill", "decode": "decode"}.get(str(mode))


def token_budget(chunk: object, prefill: int | None, context: int | None) -> int | None:
    """Return the tokens one engine step may hold, the counterpart of vLLM's batched tokens.

    With chunked prefill the chunk is the most a step holds, all its requests together, whatever
    `max_prefill_tokens` allows beside the first. Without it (-1) a step takes requests up to
    `max_prefill_tokens`, but always the first one whole, however long its context.
    """
    if positive_count(chunk):
        return positive_count(chunk)
    if str(chunk) != "-1" or prefill is None or context is None:
        return None
    return max(prefill, context)
