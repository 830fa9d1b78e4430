"""What the catalog's data cannot say about vLLM's pages: figures that stand in label values."""

from collections.abc import Iterable, Mapping, Sequence

from ..engine import Compute, LabelSample, PageSeries


def cache_config(series: PageSeries) -> Mapping[str, str]:
    """Return the labels of `cache_config_info`, without `engine`; empty where it is not there."""
    info = series.get("cache_config_info", ())
    labels = dict(info[0][1]) if info else {}
    labels.pop("engine", None)
    return labels


def capacity_tokens(config: Mapping[str, str], engines: int) -> float | None:
    """Return how many tokens one engine's KV cache holds, None where the labels do not say.

    `kv_cache_size_tokens` counts one engine. `num_gpu_blocks` is summed over the data-parallel
    engines and repeated on each, so it is shared out again.
    """
    size = config.get("kv_cache_size_tokens", "")
    if size.isdigit():
        return float(size)
    blocks, block = config.get("num_gpu_blocks", ""), config.get("block_size", "")
    if blocks.isdigit() and block.isdigit():
        return float(blocks) * float(block) / engines
    return None


def label_samples(
    series: PageSeries, config: Mapping[str, str], model: str
) -> Iterable[LabelSample]:
    """Yield the canonical samples that come from label values."""
    engines = [labels.get("engine", "") for _, labels in series.get("cache_config_info", ())]
    of_model = (("model", model),) if model else ()
    tokens = capacity_tokens(config, len(set(engines)) or 1)
    if tokens is not None:
        for engine in dict.fromkeys(engines):
            labels = (("engine_index", engine), *of_model) if engine else of_model
            yield "kv_cache_capacity_tokens", labels, _constant(tokens)
    adapters = series.get("lora_requests_info", ())
    if adapters:
        for family, count in (
            ("lora_max_adapters", _limit),
            ("lora_running_adapters", _running),
            ("lora_waiting_adapters", _waiting),
        ):
            choices = [(i, count(labels)) for i, labels in adapters]
            if all(figure is not None for _, figure in choices):
                yield family, of_model, _latest(choices)


def _limit(labels: Mapping[str, str]) -> float | None:
    text = labels.get("max_lora", "")
    return float(text) if text.isdigit() else None


def _running(labels: Mapping[str, str]) -> float | None:
    return float(len([name for name in labels.get("running_lora_adapters", "").split(",") if name]))


def _waiting(labels: Mapping[str, str]) -> float | None:
    return float(len([name for name in labels.get("waiting_lora_adapters", "").split(",") if name]))


def _constant(figure: float) -> Compute:
    return lambda values: figure


def _latest(choices: list[tuple[int, float | None]]) -> Compute:
    """The value of `lora_requests_info` is when its labels held; older ones never go away."""

    def compute(values: Sequence[float]) -> float:
        figure = max(choices, key=lambda choice: values[choice[0]])[1]
        return float("nan") if figure is None else figure

    return compute
