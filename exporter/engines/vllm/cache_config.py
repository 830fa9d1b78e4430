"""The labels of vLLM's `cache_config_info`: every attribute of its CacheConfig, as Python text."""

from collections.abc import Mapping

from ..sources.facts import SourceReport, known_values, lower, truth
from ..sources.settings import public_settings
from .runtime import RUNTIME_SETTINGS


def read(labels: Mapping[str, str]) -> SourceReport:
    """Read the labels of one engine's series; unset attributes read `None`."""
    dtype = lower(labels.get("cache_dtype"))
    attributes = {name: value for name, value in labels.items() if name != "engine"}
    return SourceReport(
        "cache_config_info",
        known_values(
            kv_cache_dtype=dtype if dtype != "none" else None,
            prefix_caching=truth(labels.get("enable_prefix_caching")),
        ),
        public_settings(attributes, "cache_config.", RUNTIME_SETTINGS),
    )
