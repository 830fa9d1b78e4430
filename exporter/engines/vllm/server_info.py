"""`GET /server_info` of vLLM, which answers only with VLLM_SERVER_DEV_MODE=1.

From 0.11.0 `config_format=json` gives the whole configuration as an object, from 0.14.1 with
`vllm_env`, from 0.16.0 with `system_env`. 0.8.5 to 0.10.2 ignore the parameter and give one text,
`key=value, key=value`, which has the layout but neither max_num_seqs nor the load-balancing mode.
"""

import re
from collections.abc import Mapping

from ..sources.facts import (
    SourceReport,
    Value,
    device,
    dtype,
    first,
    known_values,
    lower,
    model_name,
    positive_count,
    product,
    table,
    title,
    truth,
)
from ..sources.settings import public_settings
from .runtime import RUNTIME_SETTINGS

PATH = "/server_info?config_format=json"

ROLES = {"kv_producer": "prefill", "kv_consumer": "decode"}
_GPU_LINE = re.compile(r"GPU [0-9]+: (?P<name>.+?)(?: \(UUID.*\))?")
_METHOD = re.compile(r"method=['\"]([\w.-]+)['\"]")
_TEXT_KEY = re.compile(r"[a-z_][a-z0-9_]*")
_OPENING, _CLOSING = "([{", ")]}"


def read(body: object) -> SourceReport:
    """Read the decoded answer, in either form."""
    answer = table(body)
    config, env = answer.get("vllm_config"), table(answer.get("vllm_env"))
    settings = public_settings(env, "env.", RUNTIME_SETTINGS)
    if isinstance(config, str):
        fields = {key: value.strip("'\"") for key, value in _fields(config).items()}
        settings |= public_settings(fields, "vllm_config.", RUNTIME_SETTINGS)
        return SourceReport("server_info", _from_text(fields) | _from_env(answer, env), settings)
    values = _from_config(table(config)) | _from_env(answer, env)
    settings = public_settings(table(config), "", RUNTIME_SETTINGS) | settings
    return SourceReport("server_info", values, settings)


def _from_env(answer: Mapping[str, object], env: Mapping[str, object]) -> dict[str, Value]:
    """Return what the environment says.

    The runner in use is a computed property that is not listed: it is known where the operator
    set the variable, and through 0.21.0, where an unset one reads `false` and means off.
    """
    chosen = truth(env.get("VLLM_USE_V2_MODEL_RUNNER"))
    return known_values(
        runner=None if chosen is None else "v2" if chosen else "v1",
        gpu_model=_gpu_model(table(answer.get("system_env")).get("nvidia_gpu_models")),
    )


def _gpu_model(listing: object) -> str | None:
    """Return the GPU model of a `nvidia-smi -L` listing, None where the node has several."""
    if not isinstance(listing, str):
        return None
    matches = [_GPU_LINE.fullmatch(line.strip()) for line in listing.splitlines()]
    names = {match["name"] for match in matches if match}
    return title(names.pop()) if len(names) == 1 else None


def _from_config(config: Mapping[str, object]) -> dict[str, Value]:
    model, cache = table(config.get("model_config")), table(config.get("cache_config"))
    scheduler = table(config.get("scheduler_config"))
    return known_values(
        model=model_name(first(model.get("served_model_name"))) or model_name(model.get("model")),
        max_model_len=positive_count(model.get("max_model_len")),
        dtype=dtype(model.get("dtype")),
        quantization=_or_none(model, "quantization"),
        kv_cache_dtype=lower(cache.get("cache_dtype")),
        prefix_caching=truth(cache.get("enable_prefix_caching")),
        max_num_seqs=positive_count(scheduler.get("max_num_seqs")),
        max_num_batched_tokens=positive_count(scheduler.get("max_num_batched_tokens")),
        speculation=_speculation(config),
        role=_role(config),
        device=device(table(config.get("device_config")).get("device")),
    ) | _layout(table(config.get("parallel_config")), _on_gpus(config))


def _or_none(section: Mapping[str, object], key: str) -> str | None:
    """Return a setting's name, `none` where the engine lists it as unset."""
    if key in section and section[key] is None:
        return "none"
    return lower(section.get(key))


def _speculation(config: Mapping[str, object]) -> str | None:
    if "speculative_config" not in config:
        return None
    chosen = config["speculative_config"]
    return "none" if chosen is None else lower(table(chosen).get("method")) or "on"


def _role(config: Mapping[str, object]) -> str | None:
    """Return the server's part in disaggregated serving.

    `kv_both` says nothing: NIXL prefill and decode servers both run as it.
    """
    if "kv_transfer_config" not in config:
        return None
    transfer = config["kv_transfer_config"]
    return "both" if transfer is None else ROLES.get(str(table(transfer).get("kv_role")))


def _on_gpus(config: Mapping[str, object]) -> bool:
    return table(config.get("device_config")).get("device") != "cpu"


def _layout(parallel: Mapping[str, object], on_gpus: bool) -> dict[str, Value]:
    """Return the parallel layout and the GPUs under this server.

    With the internal load balancer a server owns all data-parallel ranks, other nodes' included;
    with the hybrid one those of its node; with the external one, a port a rank included, one.
    """
    tensor = positive_count(parallel.get("tensor_parallel_size"))
    pipeline = positive_count(parallel.get("pipeline_parallel_size"))
    data = positive_count(parallel.get("data_parallel_size"))
    prefill_context = positive_count(parallel.get("prefill_context_parallel_size", 1))
    decode_context = positive_count(parallel.get("decode_context_parallel_size", 1))
    if truth(parallel.get("data_parallel_external_lb")):
        local: int | None = 1
    elif truth(parallel.get("data_parallel_hybrid_lb")):
        local = positive_count(parallel.get("data_parallel_size_local"))
    else:
        local = data
    experts = truth(parallel.get("enable_expert_parallel"))
    return known_values(
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        data_parallel_local=local,
        expert_parallel=expert_parallel(experts, product(tensor, prefill_context, data)),
        context_parallel=product(prefill_context, decode_context) if parallel else None,
        gpus=product(tensor, pipeline, prefill_context, local) if on_gpus else None,
    )


def expert_parallel(enabled: bool | None, ranks: int | None) -> int | None:
    """Return how many ranks the experts are shared out among; 1 where they are not."""
    if enabled is None:
        return None
    return ranks if enabled else 1


def _from_text(fields: Mapping[str, str]) -> dict[str, Value]:
    tensor = positive_count(fields.get("tensor_parallel_size"))
    pipeline = positive_count(fields.get("pipeline_parallel_size"))
    data = positive_count(fields.get("data_parallel_size"))
    alone = data == 1 and fields.get("device_config") not in ("cpu", None)
    speculation = fields.get("speculative_config", "")
    method = _METHOD.search(speculation)
    return known_values(
        model=model_name(fields.get("served_model_name")),
        max_model_len=positive_count(fields.get("max_seq_len")),
        dtype=dtype(fields.get("dtype")),
        quantization=lower(fields.get("quantization")),
        kv_cache_dtype=lower(fields.get("kv_cache_dtype")),
        prefix_caching=truth(fields.get("enable_prefix_caching")),
        speculation="none" if speculation == "None" else lower(method[1]) if method else None,
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        data_parallel=data,
        device=device(fields.get("device_config")),
        gpus=product(tensor, pipeline) if alone else None,
    )


def _fields(text: str) -> dict[str, str]:
    """Split `key=value, key=value` at its outermost commas; keys that stand twice are left out."""
    fields, twice, depth, quote, start = dict[str, str](), set[str](), 0, "", 0
    for at, letter in enumerate(f"{text},"):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth == 0:
            key, equals, value = text[start:at].strip().partition("=")
            if equals and _TEXT_KEY.fullmatch(key):
                twice |= {key} & fields.keys()
                fields[key] = value
            start = at + 1
    return {key: value for key, value in fields.items() if key not in twice}
