"""Small pages of servers as people run them."""

from collections.abc import Sequence

from exporter.engines.plan import Snapshot
from tests.pages import snapshot

BUCKETS = (0.01, 0.1, 1.0, float("inf"))
HISTOGRAMS = (
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "request_queue_time_seconds",
    "e2e_request_latency_seconds",
    "request_time_per_output_token_seconds",
)
VERSION = "0.26.0"


def series(name: str, labels: str, value: float) -> str:
    return f"{name}{{{labels}}} {value!r}\n"


def engine(
    step: int,
    number: int = 0,
    model: str = "m",
    running: float = 4.0,
    waiting: float = 1.0,
    histograms: Sequence[str] = HISTOGRAMS,
) -> str:
    """Return one vLLM engine's series after so many steps; each step finishes ten requests."""
    labels = f'engine="{number}",model_name="{model}"'
    done = 10.0 * step
    text = series("vllm:num_requests_running", labels, running)
    text += series("vllm:num_requests_waiting", labels, waiting)
    text += series("vllm:kv_cache_usage_perc", labels, 0.25)
    text += series("vllm:prompt_tokens_total", labels, 5000.0 * step)
    text += series("vllm:generation_tokens_total", labels, 1000.0 * step)
    text += series("vllm:prefix_cache_queries_total", labels, 5000.0 * step)
    text += series("vllm:prefix_cache_hits_total", labels, 2000.0 * step)
    text += series("vllm:num_preemptions_total", labels, 0.0)
    for reason, share in (("stop", 0.8), ("length", 0.2)):
        text += series(
            "vllm:request_success_total", f'{labels},finished_reason="{reason}"', done * share
        )
    for name in histograms:
        shares = (0.0, 0.5, 0.9, 1.0)
        for bound, share in zip(BUCKETS, shares, strict=True):
            le = "+Inf" if bound == float("inf") else f"{bound}"
            text += series(f"vllm:{name}_bucket", f'{labels},le="{le}"', done * share)
        text += series(f"vllm:{name}_count", labels, done)
        # four sequences decode all the time
        text += series(f"vllm:{name}_sum", labels, 8.0 * step)
    return text


def pages(count: int, engines: int = 1, idle: bool = False, **shape: object) -> list[Snapshot]:
    """Return pages of a server with some engines, two seconds of work apart."""
    texts = [
        "".join(
            engine(0 if idle else step, number, **shape)  # type: ignore[arg-type]
            for number in range(engines)
        )
        for step in range(1, count + 1)
    ]
    return [snapshot(text, VERSION) for text in texts]
