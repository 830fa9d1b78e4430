"""Every family the exporter publishes beside the canonical ones: name, type, meaning, labels."""

from typing import Final

from .engine import FAMILIES
from .family import Family
from .gpu import FAMILIES as GPU

EXPORTER: Final = (
    Family(
        "build_info",
        "gauge",
        "The exporter's own version; always 1.",
        ("version", "pythonversion"),
    ),
    Family("targets", "gauge", "Servers the exporter watches."),
    Family("discovery_problems", "gauge", "Faults of discovery now; the status page tells them."),
    Family("config_last_reload_successful", "gauge", "1 if the last (re)load was taken, else 0."),
    Family(
        "config_last_reload_success_timestamp_seconds",
        "gauge",
        "Unix time at which the running configuration was taken.",
    ),
)

TARGET: Final = (
    Family(
        "target_up",
        "gauge",
        "1 while the server's page is read; 0 from the second missed sample on.",
    ),
    Family("scrape_age_seconds", "gauge", "Age of the newest page used."),
    Family("scrape_duration_seconds", "gauge", "Time the last sample of the server took."),
    Family("scrapes_total", "counter", "Samples tried."),
    Family("scrapes_skipped_total", "counter", "Samples not begun: the one before had not ended."),
    Family(
        "scrape_failures_total",
        "counter",
        "Samples that failed: connect, timeout, http_status, too_large, protocol, page_refused, "
        "no_engine or internal.",
        ("reason",),
    ),
    Family("server_restarts_total", "counter", "Times the server was seen to begin anew."),
    Family("page_bytes", "gauge", "Size of the newest page."),
    Family("page_samples", "gauge", "Samples of the newest page that became numbers."),
    Family(
        "page_unknown_names",
        "gauge",
        "Names with the engine's prefix on the newest page that this release does not know.",
    ),
    Family(
        "page_families",
        "gauge",
        "Canonical families the newest page gave; a fall after an upgrade is a lost vocabulary.",
    ),
)

SERVER_INFO: Final = Family(
    "server_info",
    "gauge",
    "What the server is; always 1. `release` is what is compared, `class` a hash of what must "
    "be equal for that, `config` a hash of every known setting.",
    (
        "engine",
        "version",
        "release",
        "model",
        "gpu_model",
        "runner",
        "quantization",
        "kv_cache_dtype",
        "role",
        "class",
        "config",
    ),
)

IDENTITY: Final = (
    SERVER_INFO,
    Family("identity_conflicts", "gauge", "Facts about the server on which two sources disagree."),
    Family("gpus", "gauge", "GPUs under the server, and where the figure comes from.", ("source",)),
    Family(
        "gpus_claimed",
        "gauge",
        "GPUs under the server as each source tells it; `inferfleet_gpus` is the one believed.",
        ("source",),
    ),
    Family(
        "gpu_count_conflict",
        "gauge",
        "1 while sources disagree on how many GPUs are under the server, else 0.",
    ),
    Family(
        "server_gpu_info",
        "gauge",
        "A GPU the server uses; always 1. `source` is what ties it to the server: the pod it is "
        "given to, a process on it, or the declaration.",
        ("uuid", "gpu_model", "source"),
    ),
    Family(
        "max_running_requests",
        "gauge",
        "Sequences one engine may run at once, and where the figure comes from.",
        ("source",),
    ),
    Family(
        "max_batched_tokens",
        "gauge",
        "Tokens one engine may process in one step, and where the figure comes from.",
        ("source",),
    ),
)

DERIVED: Final = (
    Family("window_seconds", "gauge", "Time the figures over the last window cover."),
    Family(
        "generation_tokens_per_second_per_gpu",
        "gauge",
        "Tokens generated per second and GPU over the last window.",
    ),
    Family(
        "prompt_tokens_per_second_per_gpu",
        "gauge",
        "Prompt tokens per second and GPU over the last window, cached ones included.",
    ),
    Family(
        "prompt_tokens_computed_per_second_per_gpu",
        "gauge",
        "Prompt tokens computed per second and GPU over the last window.",
    ),
    Family(
        "decode_batch_size",
        "gauge",
        "Sequences decoding at a time, by Little's law: the inter-token latency's sum per second.",
    ),
    Family(
        "batch_occupancy_ratio",
        "gauge",
        "Requests running, mean of the last window's samples, over the most that may run.",
    ),
    Family(
        "token_budget_ratio",
        "gauge",
        "Tokens per engine step over the last window, over the most that a step may hold.",
    ),
    Family(
        "prefix_cache_hit_ratio",
        "gauge",
        "Prefix-cache hits over lookups in the last window: tokens; items for multimodal.",
        ("cache",),
    ),
    Family(
        "prompt_cached_ratio",
        "gauge",
        "Share of the last window's prompt tokens that came from a cache; lookups repeated under "
        "memory pressure do not bias it.",
    ),
    Family(
        "bound",
        "gauge",
        "1 for what keeps the server from doing more, 0 for the others; absent where unknown.",
        ("by",),
    ),
    Family(
        "joules_per_token",
        "gauge",
        "Energy of the server's GPUs for each token generated, while there was work; absent where "
        "a GPU is shared.",
    ),
    Family(
        "joules_per_processed_token",
        "gauge",
        "Energy of the server's GPUs for each token computed, prompt and generated, while there "
        "was work.",
    ),
    Family(
        "idle_power_watts",
        "gauge",
        "Power of the server's GPUs while no request was there, nor shortly before and after; "
        "absent where there was no such time.",
    ),
    Family(
        "engine_stalled",
        "gauge",
        "1 while an engine has work, makes no progress and the server says it is healthy.",
    ),
)

_CELL: Final = ("engine", "release", "gpu_model", "class", "batch")


def _load(quantity: str, meaning: str) -> Family:
    return Family(f"load_{quantity}_total", "counter", meaning, _CELL)


LOAD: Final = (
    _load("seconds", "Time an engine spent in the cell."),
    _load("gpu_seconds", "That time by the engine's GPUs."),
    _load("decode_sequence_seconds", "Time sequences spent decoding; over seconds, mean batch."),
    _load("decode_tokens", "Tokens generated after each request's first."),
    _load("prefill_tokens", "Prompt tokens computed, not read from a cache."),
    _load("context_token_seconds", "Tokens resident in the KV cache by time."),
    _load("saturated_seconds", "Time with requests waiting for room at both ends of the interval."),
    _load("first_tokens", "First tokens; requests whose prompt was computed."),
    _load("first_token_seconds", "Time to those first tokens, summed over requests."),
    _load("finished_prefill_tokens", "Prompt tokens computed for requests that finished."),
    _load("finished_prefill_seconds", "Prefill time of requests that finished."),
    _load("spec_draft_tokens", "Draft tokens proposed."),
    _load("spec_accepted_tokens", "Draft tokens accepted."),
    _load("joules", "Energy the engine's GPUs used, where telemetry tells it."),
    _load("metered_decode_tokens", "Decode tokens of the time whose energy is in the joules."),
)

LOAD_EXCLUDED: Final = Family(
    "load_excluded_seconds_total",
    "counter",
    "Time in no cell, each engine's counted apart: restart, warm_up, gap (samples missed), "
    "preempting, unknown (release or batch not known) or cap (too many cells).",
    ("reason",),
)

_UPGRADE: Final = ("engine", "model", "gpu_model", "class", "release", "baseline", "measure")

JUDGE: Final = (
    Family(
        "upgrade_effect_ratio",
        "gauge",
        "What the release changed at equal load: above 1 is better. Bound: estimate, lower, upper.",
        (*_UPGRADE, "bound"),
    ),
    Family(
        "upgrade_verdict",
        "gauge",
        "1 for the verdict on the release, 0 for the others: regression, improvement, equivalent, "
        "inconclusive, not_comparable.",
        (*_UPGRADE, "verdict"),
    ),
    Family(
        "judge_last_success_timestamp_seconds",
        "gauge",
        "Unix time of the last run that reached a verdict.",
    ),
    Family("judge_failures_total", "counter", "Runs that failed; the verdicts stayed."),
)

TELEMETRY: Final = (
    Family(
        "gpu_source_up",
        "gauge",
        "1 while a source of GPU telemetry answers, else 0: nvml, or a page by its address.",
        ("source",),
    ),
    Family(
        "gpu_reading_age_seconds",
        "gauge",
        "Age of a source's newest reading; absent before the first.",
        ("source",),
    ),
    Family(
        "gpu_info",
        "gauge",
        "What a GPU is and who tells of it; always 1.",
        ("uuid", "gpu_model", "host", "index", "driver", "mig_profile", "source"),
    ),
)

PUBLISHED: Final = (
    *EXPORTER,
    *TARGET,
    *IDENTITY,
    *DERIVED,
    *LOAD,
    LOAD_EXCLUDED,
    *FAMILIES,
    *TELEMETRY,
    *GPU,
    *JUDGE,
)
