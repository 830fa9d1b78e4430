"""The families the exporter adds to the canonical ones: name, type, meaning, labels.

The figures over the last window are not here: `derive/figures.py` defines each with its gauge.
"""

from collections.abc import Mapping
from typing import Final

from .family import Family
from .states import EXCLUSIONS, LEFT_OUT, SCRAPE_FAILURES, WEB_FAILURES
from .verdict import REASONS, VERDICTS


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


EXPORTER: Final = (
    Family(
        "build_info",
        "gauge",
        "The exporter's own version; always 1.",
        ("version", "pythonversion"),
    ),
    Family("targets", "gauge", "Servers the exporter watches."),
    Family(
        "discovered_targets",
        "gauge",
        "Servers a source of discovery names now, those of other shards too.",
        ("source",),
    ),
    Family(
        "shards",
        "gauge",
        "Exporters that the servers are split between, this one being `shard`; absent where one "
        "watches all.",
        ("shard",),
    ),
    Family("discovery_problems", "gauge", "Faults of discovery now; the status page lists them."),
    Family("config_last_reload_successful", "gauge", "1 if the last (re)load succeeded, else 0."),
    Family(
        "config_last_reload_success_timestamp_seconds",
        "gauge",
        "Unix time at which the running configuration was loaded.",
    ),
    Family("web_connections", "gauge", "Connections open to the exporter's own pages."),
    Family(
        "web_failures_total",
        "counter",
        "Connections to the exporter's own pages that failed, were closed or not accepted, and "
        f"pages that could not be written: {_listed(WEB_FAILURES)}.",
        ("reason",),
    ),
)

SERVER_POD_INFO: Final = Family(
    "server_pod_info",
    "gauge",
    "The Kubernetes pod the server runs in, where that is known; always 1. `namespace` and `pod` "
    "join kube-state-metrics; `workload` keeps its name while pods change theirs.",
    ("namespace", "pod", "node", "container", "workload", "workload_type"),
)

TARGET: Final = (
    Family(
        "target_up",
        "gauge",
        "1 while the server's page is read; 0 from the second missed sample on.",
    ),
    Family(
        "target_loading",
        "gauge",
        "1 while the server has not answered for the first time, at most for `loading_timeout`.",
    ),
    Family("scrape_age_seconds", "gauge", "Age of the newest page used."),
    Family("scrape_duration_seconds", "gauge", "Time the last sample of the server took."),
    Family("scrapes_total", "counter", "Samples tried."),
    Family("scrapes_skipped_total", "counter", "Samples not begun: the one before had not ended."),
    Family(
        "scrape_failures_total",
        "counter",
        f"Samples that failed: {_listed(SCRAPE_FAILURES)}.",
        ("reason",),
    ),
    Family("server_restarts_total", "counter", "Restarts of the server noticed."),
    Family("page_bytes", "gauge", "Size of the newest page."),
    Family("page_samples", "gauge", "Samples of the newest page that became numbers."),
    Family(
        "page_samples_dropped",
        "gauge",
        "Samples of the newest page that did not, for a label longer than limits.label_length.",
    ),
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
    SERVER_POD_INFO,
)

SERIES_LEFT_OUT: Final = Family(
    "series_left_out",
    "gauge",
    "Series of the server that this page leaves out, absent where none is: "
    + _listed(tuple(f"{word} ({why})" for word, why in LEFT_OUT.items()))
    + ".",
    ("reason",),
)

PLACE_LABELS: Final = ("namespace", "workload")
"""The labels that say where a server belongs, whatever it is."""

SERVER_INFO: Final = Family(
    "server_info",
    "gauge",
    "What the server is; always 1. `release` is what is compared, `class` a hash of what must "
    "be equal for that, `config` a hash of every known setting; `namespace` and `workload` say "
    "where it belongs, and are in neither hash.",
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
        *PLACE_LABELS,
    ),
)

IDENTITY: Final = (
    SERVER_INFO,
    Family("identity_conflicts", "gauge", "Facts about the server on which two sources disagree."),
    Family("gpus", "gauge", "GPUs under the server, and where the figure comes from.", ("source",)),
    Family(
        "gpus_claimed",
        "gauge",
        "GPUs under the server by each source; `inferfleet_gpus` is the number used.",
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

ENGINE_STALLED: Final = Family(
    "engine_stalled",
    "gauge",
    "1 while an engine has work for certain, makes no progress and the server says it is healthy: "
    "requests came meanwhile, or the probe that is configured got no answer.",
)

ENGINE_NO_PROGRESS: Final = Family(
    "engine_no_progress",
    "gauge",
    "1 while an engine shows requests, makes no progress and the server says it is healthy: it is "
    "stalled, or idle and its gauges are stale.",
)

_CELL: Final = ("engine", "release", "gpu_model", "class", "batch")


_LOAD_MEANINGS: Final = {
    "seconds": "Time an engine spent in the cell.",
    "gpu_seconds": "That time by the engine's GPUs.",
    "decode_sequence_seconds": "Time sequences spent decoding; over seconds, mean batch.",
    "decode_tokens": "Tokens generated after each request's first.",
    "prefill_tokens": "Prompt tokens computed, not read from a cache.",
    "context_token_seconds": "Tokens resident in the KV cache by time.",
    "saturated_seconds": "Time with requests waiting for room at both ends of the interval.",
    "first_tokens": "First tokens; requests whose prompt was computed.",
    "first_token_seconds": "Time to those first tokens, summed over requests.",
    "finished_prefill_tokens": "Prompt tokens computed for requests that finished.",
    "finished_prefill_seconds": "Prefill time of requests that finished.",
    "spec_draft_tokens": "Draft tokens proposed.",
    "spec_accepted_tokens": "Draft tokens accepted.",
    "joules": "Energy the engine's GPUs used, where telemetry has it.",
    "metered_decode_tokens": "Decode tokens of the time whose energy is in the joules.",
}

LOAD: Final[Mapping[str, Family]] = {
    quantity: Family(f"load_{quantity}_total", "counter", meaning, _CELL)
    for quantity, meaning in _LOAD_MEANINGS.items()
}
"""The counters of the load cells, by the quantity that each adds up."""

LOAD_EXCLUDED: Final = Family(
    "load_excluded_seconds_total",
    "counter",
    "Time in no cell, each engine's counted apart: "
    + _listed(tuple(f"{word} ({why})" if why else word for word, why in EXCLUSIONS.items()))
    + ".",
    ("reason",),
)

UPGRADE_LABELS: Final = ("engine", "model", "gpu_model", "class", "release", "baseline")
"""What a verdict is about, beside its measure and its cluster's external labels."""

_UPGRADE: Final = (*PLACE_LABELS, *UPGRADE_LABELS)

JUDGE: Final = (
    Family(
        "upgrade_verdict",
        "gauge",
        f"1 for the verdict on the release, 0 for the others: {', '.join(VERDICTS)}.",
        (*_UPGRADE, "measure", "verdict"),
    ),
    Family(
        "upgrade_effect_ratio",
        "gauge",
        "What the release changed at equal load: above 1 is better. Bound: estimate, lower, upper.",
        (*_UPGRADE, "measure", "bound"),
    ),
    Family(
        "upgrade_judged_timestamp_seconds",
        "gauge",
        "Unix time of the run that reached the verdicts on the release, or renewed them.",
        _UPGRADE,
    ),
    Family(
        "upgrade_confidence_level_ratio",
        "gauge",
        "Confidence level of the bounds; higher than the whole's, for an upgrade is judged more "
        "than once.",
        _UPGRADE,
    ),
    Family(
        "upgrade_reason",
        "gauge",
        f"1 for why there is no verdict: {_listed(tuple(REASONS))}.",
        (*_UPGRADE, "measure", "reason"),
    ),
    Family(
        "upgrade_answer_expected_timestamp_seconds",
        "gauge",
        "Unix time at which an upgrade without an answer may have it; absent where it has one, or "
        "where waiting does not help.",
        _UPGRADE,
    ),
    Family(
        "upgrade_coverage_ratio",
        "gauge",
        "Share of the candidate's work at loads that the baseline also had.",
        (*_UPGRADE, "measure"),
    ),
    Family(
        "upgrade_servers",
        "gauge",
        "Servers that the verdict rests on. Side: baseline, candidate.",
        (*_UPGRADE, "side"),
    ),
    Family(
        "upgrade_compared_seconds",
        "gauge",
        "Time by the clock that is compared. Side: baseline, candidate.",
        (*_UPGRADE, "side"),
    ),
    Family(
        "upgrade_batch_effect_ratio",
        "gauge",
        "What the release changed in one load cell: above 1 is better. A description without an "
        "interval; the verdict is the whole's.",
        (*_UPGRADE, "measure", "batch"),
    ),
    Family(
        "upgrade_batch_work_ratio",
        "gauge",
        "Share of the candidate's compared work that the load cell holds.",
        (*_UPGRADE, "measure", "batch"),
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
        "1 while a source of GPU telemetry answers, else 0: a page by its address, or nvml, which "
        "is absent before its first answer.",
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
        "What a GPU is and the source that reports it; always 1.",
        ("uuid", "gpu_model", "host", "index", "driver", "mig_profile", "source"),
    ),
)
