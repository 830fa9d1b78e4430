"""The labels of vLLM's `cache_config_info`: every attribute of its CacheConfig, as Python text."""

from collections.abc import Mapping

from .facts import Finding, claims, lower, truth
from .settings import tell


def read(labels: Mapping[str, str]) -> Finding:
    """Read the labels of one engine's series; unset attributes read `None`."""
    dtype = lower(labels.get("cache_dtype"))
    told = {name: value for name, value in labels.items() if name != "engine"}
    return Finding(
        "cache_config_info",
        claims(
            kv_cache_dtype=dtype if dtype != "none" else None,
            prefix_caching=truth(labels.get("enable_prefix_caching")),
        ),
        tell(told, "cache_config."),
    )
