"""The Cache dashboard's queries."""

from typing import Final

from .base import (
    MODEL_OF_CLUSTER,
    RELEASE_OF_CLUSTER,
    SERVER_LABELS,
    Query,
    max_by,
    of_selected_servers,
    rate,
    ratio,
    selector,
    sum_by,
    sum_over_servers,
    with_server_info,
)

HIT_RATIO: Final = Query(
    f'release:inferfleet_prefix_cache_hit:ratio_rate5m{{cache="local",{RELEASE_OF_CLUSTER}}}',
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
HIT_RATIO_NOW: Final = Query(
    f'model:inferfleet_prefix_cache_hit:ratio_rate5m{{cache="local",{MODEL_OF_CLUSTER}}}',
    "{{model}} {{cluster}}",
)
_QUERIED: Final = "prefix_cache_queried_tokens_total"
_HIT: Final = "prefix_cache_hit_tokens_total"
BY_CACHE: Final = Query(
    ratio(
        sum_by(of_selected_servers(rate(_HIT)), "cache"),
        sum_by(of_selected_servers(rate(_QUERIED)), "cache"),
    ),
    "{{cache}}",
)
MULTIMODAL: Final = Query(
    ratio(
        sum_by(of_selected_servers(rate("multimodal_cache_hit_items_total"))),
        sum_by(of_selected_servers(rate("multimodal_cache_queried_items_total"))),
    ),
    "multimodal items",
)
_CACHED: Final = sum_over_servers(rate("prompt_tokens_cached_total"), "model")
_COMPUTED: Final = sum_over_servers(rate("prompt_tokens_computed_total"), "model")
CACHED_SHARE: Final = Query(ratio(_CACHED, f"({_CACHED} + {_COMPUTED})"), "{{model}} {{cluster}}")
CACHED: Final = Query(_CACHED, "{{model}} {{cluster}} from a cache")
COMPUTED: Final = Query(_COMPUTED, "{{model}} {{cluster}} computed")
QUERIED_TOKENS: Final = Query(
    sum_by(of_selected_servers(rate(_QUERIED)), "cache"), "looked up, {{cache}}"
)
HIT_TOKENS: Final = Query(sum_by(of_selected_servers(rate(_HIT)), "cache"), "found, {{cache}}")

_USAGE: Final = selector("kv_cache_usage_ratio")
USAGE_MAX: Final = Query(
    f"max by (cluster, model) ({with_server_info(_USAGE)})", "{{model}} {{cluster}} fullest"
)
USAGE_MEAN: Final = Query(
    f"avg by (cluster, model) ({with_server_info(_USAGE)})", "{{model}} {{cluster}} mean"
)
FULLEST: Final = Query(
    f"topk(10, max by (cluster, target) ({of_selected_servers(_USAGE)}))", "{{target}} {{cluster}}"
)
CAPACITY: Final = Query(
    sum_over_servers(selector("kv_cache_capacity_tokens"), "model, release"),
    "{{model}} {{release}} {{cluster}}",
)
PREEMPTIONS: Final = Query(
    sum_over_servers(rate("preemptions_total"), "model, release"),
    "{{model}} {{release}} {{cluster}}",
)
OFFLOADED: Final = Query(
    sum_by(of_selected_servers(rate("kv_offload_bytes_total")), "direction"), "{{direction}}"
)

ROW_HITS: Final = Query(max_by(selector("prefix_cache_hit_ratio", 'cache="local"'), SERVER_LABELS))
ROW_CACHED: Final = Query(f"max by ({SERVER_LABELS}) ({selector('prompt_cached_ratio')})")
ROW_USAGE: Final = Query(f"max by ({SERVER_LABELS}) ({_USAGE})")
ROW_CAPACITY: Final = Query(f"sum by ({SERVER_LABELS}) ({selector('kv_cache_capacity_tokens')})")
ROW_PREEMPTIONS: Final = Query(f"sum by ({SERVER_LABELS}) ({rate('preemptions_total')})")
