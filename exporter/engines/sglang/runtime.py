"""Names SGLang lists among its settings that are none: measured at start, or counted since."""

from typing import Final

RUNTIME_SETTINGS: Final = frozenset(
    {
        "max_total_num_tokens",
        "max_req_input_len",
        "internal_states",
        "memory_usage",
        "status",
        "hicache_object_layout",
    }
)
