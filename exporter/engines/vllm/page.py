"""What the catalog's data cannot say about vLLM's pages: figures that stand in label values."""

from collections.abc import Iterable, Mapping, Sequence

from ..catalog import PageContext
from ..engine import Compute, LabelSample, PageSeries
from ..sources.facts import count
from . import capacity


def cache_config(series: PageSeries) -> Mapping[str, str]:
    """Return the labels of `cache_config_info`, without `engine`; empty where it is not there."""
    info = series.get("cache_config_info", ())
    labels = dict(info[0][1]) if info else {}
    labels.pop("engine", None)
    return labels


def notes(series: PageSeries, config: Mapping[str, str], context: PageContext) -> Iterable[str]:
    """Yield what label values seem to say and do not."""
    yield from capacity.notes(series, context)
    if any("max_lora" in labels for _, labels in series.get("lora_requests_info", ())):
        yield (
            "lora_waiting_adapters is left out: vLLM's label of waiting adapters repeats the "
            "running ones"
        )


def label_samples(
    series: PageSeries, config: Mapping[str, str], model: str, context: PageContext
) -> Iterable[LabelSample]:
    """Yield the canonical samples that come from label values.

    Releases of the Python front end list the adapters with output so far under both labels of
    `lora_requests_info`, so that adapters waiting are unknown. The Rust front end, which says no
    `max_lora`, tells the two apart.
    """
    of_model = (("model", model),) if model else ()
    for engine, tokens in capacity.capacities(series, context).items():
        labels = (("engine_index", engine), *of_model) if engine else of_model
        yield "kv_cache_capacity_tokens", labels, _constant(tokens)
    adapters = series.get("lora_requests_info", ())
    if adapters:
        for family, figure_of in (
            ("lora_max_adapters", _limit),
            ("lora_running_adapters", _running),
            ("lora_waiting_adapters", _waiting),
        ):
            choices = [(i, figure_of(labels)) for i, labels in adapters]
            if all(figure is not None for _, figure in choices):
                yield family, of_model, _latest(choices)


def _limit(labels: Mapping[str, str]) -> float | None:
    adapters = count(labels.get("max_lora"))
    return None if adapters is None else float(adapters)


def _running(labels: Mapping[str, str]) -> float | None:
    return _names(labels.get("running_lora_adapters", ""))


def _waiting(labels: Mapping[str, str]) -> float | None:
    return None if "max_lora" in labels else _names(labels.get("waiting_lora_adapters", ""))


def _names(text: str) -> float:
    return float(len([name for name in text.split(",") if name]))


def _constant(figure: float) -> Compute:
    return lambda values: figure


def _latest(choices: list[tuple[int, float | None]]) -> Compute:
    """The value of `lora_requests_info` is when its labels held; older ones never go away."""

    def compute(values: Sequence[float]) -> float:
        figure = max(choices, key=lambda choice: values[choice[0]])[1]
        return float("nan") if figure is None else figure

    return compute
