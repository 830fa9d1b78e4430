"""Pages of the shape of servers that people have published, in numbers that are easy to check."""

from collections.abc import Sequence
from itertools import product

INF = "+Inf"


def series(name: str, labels: str, value: float) -> str:
    return f"{name}{{{labels}}} {value!r}\n"


def histogram(
    name: str, labels: str, bounds: Sequence[str], counts: Sequence[float], total: float
) -> str:
    text = "".join(
        series(f"{name}_bucket", f'{labels},le="{bound}"', count)
        for bound, count in zip(bounds, counts, strict=True)
    )
    return text + series(f"{name}_count", labels, counts[-1]) + series(f"{name}_sum", labels, total)


def lora(step: int) -> str:
    """Return a page of vLLM with two LoRA adapters, which each state of adapters adds a series to.

    9 requests a step of 256 and 128 tokens: 200 requests at 4.48 a second, mean first token 407 ms.
    """
    labels, adapters = 'engine="0",model_name="Qwen/Qwen3-8B"', ("", "adapter_ko", "adapter_json")
    done = 9.0 * step
    return "".join(
        (
            "process_start_time_seconds 1.7886264e9\n",
            'vllm:cache_config_info{block_size="16",enable_prefix_caching="True",engine="0",'
            'gpu_memory_utilization="0.9",num_gpu_blocks="2107"} 1.0\n',
            *(
                f'vllm:lora_requests_info{{max_lora="2",running_lora_adapters="{name}",'
                f'waiting_lora_adapters="{name}"}} 1.7886264{i}e+09\n'
                for i, name in enumerate(adapters)
            ),
            series("vllm:num_requests_running", labels, 16.0),
            series("vllm:num_requests_waiting", labels, 3.0),
            series("vllm:kv_cache_usage_perc", labels, 0.61),
            series("vllm:prompt_tokens_total", labels, 256.0 * done),
            series("vllm:generation_tokens_total", labels, 128.0 * done),
            histogram(
                "vllm:time_to_first_token_seconds",
                labels,
                ("0.1", "0.25", "0.5", "1.0", INF),
                (0.0, done / 3, done, done, done),
                0.407 * done,
            ),
            histogram(
                "vllm:request_prompt_tokens",
                labels,
                ("200.0", "500.0", INF),
                (0.0, done, done),
                256 * done,
            ),
        )
    )


def second_node(step: int) -> str:
    """Return a page of the second of two nodes of eight data-parallel engines: ranks 4 to 7."""
    text = ""
    for rank, running in ((4, 3.0), (5, 1.0), (6, 0.0), (7, 2.0)):
        labels, tokens = f'engine="{rank}",model_name="m"', 100.0 * running * step
        text += series("vllm:num_requests_running", labels, running)
        text += series("vllm:num_requests_waiting", labels, 0.0)
        text += series("vllm:generation_tokens_total", labels, tokens)
        text += histogram(
            "vllm:inter_token_latency_seconds",
            labels,
            ("0.01", "0.025", INF),
            (tokens / 2, tokens, tokens),
            2.0 * running * step,
        )
    return text


def attention_ranks(step: int) -> str:
    """Return a page of SGLang with two ranks of attention on four GPUs, and requests by priority.

    The second GPU of each rank repeats the first; the empty priority is the sum of the others.
    """
    text = ""
    for (rank, tensor, running, queue), priority in product(
        ((0, 0, 2.0, 3.0), (0, 1, 2.0, 3.0), (1, 2, 0.0, 1.0), (1, 3, 0.0, 1.0)), ("", "0", "1")
    ):
        labels = (
            f'dp_rank="{rank}",engine_type="unified",model_name="glm",moe_ep_rank="0",'
            f'pp_rank="0",priority="{priority}",tp_rank="{tensor}"'
        )
        here = float(priority != "1")
        text += series("sglang:num_running_reqs", labels, running * here)
        text += series("sglang:num_queue_reqs", labels, queue * here)
    labels = 'engine_type="unified",model_name="glm"'
    text += series("sglang:prompt_tokens_total", labels, 2000.0 * step)
    text += series("sglang:generation_tokens_total", labels, 270.0 * step)
    text += series("sglang:num_requests_total", labels, 3.0 * step)
    return text + histogram(
        "sglang:time_to_first_token_seconds",
        labels,
        ("0.1", "0.4", "80.0", INF),
        (0.0, 2.0 * step, 2.0 * step, 3.0 * step),
        100.0 * step,
    )
