"""Names vLLM lists among its settings that are none: measured, or drawn at random, at start."""

from typing import Final

RUNTIME_SETTINGS: Final = frozenset(
    {
        "num_gpu_blocks",
        "num_cpu_blocks",
        "kv_cache_size_tokens",
        "kv_cache_max_concurrency",
        "static_forward_context",
        "VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME",
    }
)
