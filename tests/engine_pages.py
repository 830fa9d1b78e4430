"""Pages of several engines and models, built from the labels that tell them apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Labels = Mapping[str, str]

VLLM_GAUGES = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
VLLM_COUNTERS = (
    "prompt_tokens_total",
    "generation_tokens_total",
    "prefix_cache_queries_total",
    "prefix_cache_hits_total",
    "num_preemptions_total",
)
VLLM_HISTOGRAMS = ("time_to_first_token_seconds", "inter_token_latency_seconds")


@dataclass
class EngineState:
    """What one engine shows: labels of its gauges and counters, and its values."""

    gauge_labels: Labels
    counter_labels: Labels
    running: float = 3.0
    tokens: float = 1000.0
    values: dict[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """Return the value of a raw name: hits are a quarter of lookups."""
        shares = {"prefix_cache_hits_total": 0.25, "num_preemptions_total": 0.0}
        fixed = {
            "num_requests_running": self.running,
            "num_running_reqs": self.running,
            "num_requests_waiting": 0.0,
            "num_queue_reqs": 0.0,
            "kv_cache_usage_perc": 0.5,
            "token_usage": 0.5,
        }
        known = self.values.get(name, fixed.get(name))
        return self.tokens * shares.get(name, 1.0) if known is None else known


def line(name: str, labels: Labels, value: float) -> str:
    """Return one sample line."""
    text = ",".join(f'{key}="{label}"' for key, label in labels.items())
    return f"{name}{{{text}}} {value!r}\n" if text else f"{name} {value!r}\n"


def vllm_page(engines: Sequence[EngineState], prefix: str = "vllm:") -> str:
    """Return a page of vLLM engines, family by family."""
    text = ""
    for name in VLLM_GAUGES:
        text += f"# TYPE {prefix}{name} gauge\n"
        text += "".join(line(prefix + name, e.gauge_labels, e.value(name)) for e in engines)
    for name in VLLM_COUNTERS:
        text += f"# TYPE {prefix}{name} counter\n"
        text += "".join(line(prefix + name, e.counter_labels, e.value(name)) for e in engines)
    return text + histograms(engines, prefix)


def histograms(engines: Iterable[EngineState], prefix: str) -> str:
    """Return the latency histograms of both engines, each with two buckets."""
    text = ""
    for name in VLLM_HISTOGRAMS:
        text += f"# TYPE {prefix}{name} histogram\n"
        for engine in engines:
            for bound in ("0.1", "+Inf"):
                labels = {**engine.counter_labels, "le": bound}
                text += line(f"{prefix}{name}_bucket", labels, engine.tokens / 10)
            text += line(f"{prefix}{name}_count", engine.counter_labels, engine.tokens / 10)
            text += line(f"{prefix}{name}_sum", engine.counter_labels, engine.tokens / 100)
    return text


def sglang_page(engines: Sequence[EngineState], prefix: str = "sglang:") -> str:
    """Return a page of SGLang engines: `gauge_labels` are the scheduler's."""
    text = ""
    for name in ("num_running_reqs", "num_queue_reqs", "token_usage"):
        text += "".join(line(prefix + name, e.gauge_labels, e.value(name)) for e in engines)
    for mode in ("prefill_compute", "prefill_cache", "decode"):
        text += "".join(
            line(f"{prefix}realtime_tokens_total", {**e.gauge_labels, "mode": mode}, e.value(mode))
            for e in engines
        )
    for name in ("prompt_tokens_total", "generation_tokens_total", "num_requests_total"):
        text += "".join(line(prefix + name, e.counter_labels, e.value(name)) for e in engines)
    return text + histograms(engines, prefix)


def engines(labels: Iterable[Labels], **common: str) -> list[EngineState]:
    """Return an engine for each set of labels, on gauges and counters alike."""
    return [EngineState({**common, **own}, {**common, **own}) for own in labels]
