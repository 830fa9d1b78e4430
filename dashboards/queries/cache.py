"""The Cache dashboard's queries."""

from typing import Final

from .base import RECORDED, WHO, Query, chosen, joined, largest, rate, ratio, series, summed, total

HIT_RATIO: Final = Query(
    f'release:inferfleet_prefix_cache_hit:ratio_rate5m{{cache="local",{RECORDED}}}',
    "{{model}} {{release}} {{gpu_model}}",
)
HIT_RATIO_NOW: Final = Query(
    'model:inferfleet_prefix_cache_hit:ratio_rate5m{cache="local",model=~"$model"}', "{{model}}"
)
_QUERIED: Final = "prefix_cache_queried_tokens_total"
_HIT: Final = "prefix_cache_hit_tokens_total"
BY_CACHE: Final = Query(
    ratio(total(chosen(rate(_HIT)), "cache"), total(chosen(rate(_QUERIED)), "cache")), "{{cache}}"
)
MULTIMODAL: Final = Query(
    ratio(
        total(chosen(rate("multimodal_cache_hit_items_total"))),
        total(chosen(rate("multimodal_cache_queried_items_total"))),
    ),
    "multimodal items",
)
_CACHED: Final = summed(rate("prompt_tokens_cached_total"), "model")
_COMPUTED: Final = summed(rate("prompt_tokens_computed_total"), "model")
SAVED: Final = Query(ratio(_CACHED, f"({_CACHED} + {_COMPUTED})"), "{{model}}")
CACHED: Final = Query(_CACHED, "{{model}} from a cache")
COMPUTED: Final = Query(_COMPUTED, "{{model}} computed")
LOOKED_UP: Final = Query(total(chosen(rate(_QUERIED)), "cache"), "looked up, {{cache}}")
FOUND: Final = Query(total(chosen(rate(_HIT)), "cache"), "found, {{cache}}")

_USAGE: Final = series("kv_cache_usage_ratio")
USAGE_MAX: Final = Query(f"max by (model) ({joined(_USAGE)})", "{{model}} fullest")
USAGE_MEAN: Final = Query(f"avg by (model) ({joined(_USAGE)})", "{{model}} mean")
FULLEST: Final = Query(f"topk(10, max by (target) ({chosen(_USAGE)}))", "{{target}}")
CAPACITY: Final = Query(
    summed(series("kv_cache_capacity_tokens"), "model, release"), "{{model}} {{release}}"
)
PREEMPTIONS: Final = Query(
    summed(rate("preemptions_total"), "model, release"), "{{model}} {{release}}"
)
OFFLOADED: Final = Query(
    total(chosen(rate("kv_offload_bytes_total")), "direction"), "{{direction}}"
)

ROW_HITS: Final = Query(largest(series("prefix_cache_hit_ratio", 'cache="local"'), WHO))
ROW_CACHED: Final = Query(f"max by ({WHO}) ({series('prompt_cached_ratio')})")
ROW_USAGE: Final = Query(f"max by ({WHO}) ({_USAGE})")
ROW_CAPACITY: Final = Query(f"sum by ({WHO}) ({series('kv_cache_capacity_tokens')})")
ROW_PREEMPTIONS: Final = Query(f"sum by ({WHO}) ({rate('preemptions_total')})")
