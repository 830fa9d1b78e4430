"""How many tokens the KV cache of a vLLM engine holds, by the labels of `cache_config_info`.

From 0.24 on the Python front end reports it. Before, blocks times block size is the same number
where every layer's blocks are alike, which no label states but several labels deny.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from packaging.version import Version

from ...base.untrusted import one_line
from ..catalog import PageContext, version_of
from ..engine import PageSeries
from ..sources.facts import positive_count

_REPORTED_FROM: Final = Version("0.24")

_MIN_BLOCK_SIZE: Final = 16
"""vLLM's default, and the least that its attention backends for whole contexts are given.

A smaller one is that of the smallest of several groups of layers which share the blocks.
"""

_SEVERAL_GROUPS: Final = (
    "is_attention_free",
    "kv_cache_dtype_skip_layers",
    "mamba_",
    "sliding_window",
    "user_specified_mamba_",
)
"""How labels begin which, where set, are of models with layers of several kinds, or without any
that holds the whole context."""

_UNSET: Final = frozenset({"", "None", "none", "auto", "False", "[]"})


def capacities(series: PageSeries, context: PageContext) -> dict[str, float]:
    """Return the tokens that each engine's KV cache holds, by engine; of all engines or of none.

    An engine alone may have the empty name. What the page reports is believed first, then what is
    declared. `num_gpu_blocks` is the sum over the data-parallel engines of a server and repeated
    on each, so it is shared out again.
    """
    labels_by_engine = _labels_by_engine(series)
    if not labels_by_engine and context.kv_cache_capacity_tokens is not None:
        return {"": context.kv_cache_capacity_tokens}
    tokens = {
        engine: _tokens(labels, _ranks(engine, labels_by_engine), context)
        for engine, labels in labels_by_engine.items()
    }
    known = {engine: amount for engine, amount in tokens.items() if amount is not None}
    return known if len(known) == len(tokens) else {}


def notes(series: PageSeries, context: PageContext) -> Iterator[str]:
    """Yield what the capacity rests on where it is not reported, or why it is left out."""
    labels_by_engine = _labels_by_engine(series)
    if context.kv_cache_capacity_tokens is not None or not any(
        _reported(labels) is None and positive_count(labels.get("num_gpu_blocks"))
        for labels in labels_by_engine.values()
    ):
        return
    reasons = dict.fromkeys(
        reason
        for engine, labels in labels_by_engine.items()
        for reason in _objections(labels, _ranks(engine, labels_by_engine), context)
    )
    if reasons:
        yield (
            "kv_cache_capacity_tokens is left out: it need not be num_gpu_blocks times block_size, "
            f"for {'; '.join(reasons)}. Declare kv_cache_capacity_tokens, by the server's start-up "
            "log"
        )
    else:
        yield (
            "kv_cache_capacity_tokens is num_gpu_blocks times block_size, which holds for models "
            "whose layers all attend to the whole context; from 0.24 on vLLM reports it"
        )


def _labels_by_engine(series: PageSeries) -> dict[str, Mapping[str, str]]:
    labels_by_engine: dict[str, Mapping[str, str]] = {}
    for _, labels in series.get("cache_config_info", ()):
        labels_by_engine.setdefault(labels.get("engine", ""), labels)
    return labels_by_engine


def _ranks(engine: str, engines: Mapping[str, object]) -> int:
    """Return how many of the engines are of one server: those that only a rank tells apart."""
    return sum(_server(other) == _server(engine) for other in engines)


def _server(engine: str) -> str:
    """Return an engine's name without its data-parallel rank."""
    labels, _, last = engine.rpartition(",")
    return engine if "=" in last else labels


def _tokens(labels: Mapping[str, str], ranks: int, context: PageContext) -> float | None:
    if (reported := _reported(labels)) is not None:
        return reported
    if context.kv_cache_capacity_tokens is not None:
        return context.kv_cache_capacity_tokens
    if any(_objections(labels, ranks, context)):
        return None
    return float(labels["num_gpu_blocks"]) * float(labels["block_size"]) / ranks


def _reported(labels: Mapping[str, str]) -> float | None:
    tokens = positive_count(labels.get("kv_cache_size_tokens"))
    return None if tokens is None else float(tokens)


def _objections(labels: Mapping[str, str], ranks: int, context: PageContext) -> Iterator[str]:
    """Yield what speaks against blocks times block size, nothing where nothing is known to.

    An unknown version may be of a front end whose labels are the same and mean something else. It
    is unknown, too, until a server's other facts are, among which is its context parallelism.
    """
    version = version_of(context.version)
    if version is None:
        yield "the version is unknown (vLLM reports the tokens from 0.24 on)"
    elif version >= _REPORTED_FROM or context.front_end == "rust":
        yield "vLLM reports the tokens from 0.24 on, and its Rust front end does not"
        return
    if (context.context_parallel or 1) > 1:
        yield (
            f"{context.context_parallel:g} ranks of context parallelism share a sequence, and "
            "block_size is one rank's"
        )
    blocks, size = (
        positive_count(labels.get("num_gpu_blocks")),
        positive_count(labels.get("block_size")),
    )
    if blocks is None:
        yield f"num_gpu_blocks is {_quoted(labels, 'num_gpu_blocks')}"
    if size is None:
        yield f"block_size is {_quoted(labels, 'block_size')}"
    elif size < _MIN_BLOCK_SIZE:
        yield f"block_size is {size}, that of the smallest of several groups of layers"
    if "ds_mla" in labels.get("cache_dtype", ""):
        yield f"cache_dtype is {_quoted(labels, 'cache_dtype')}"
    for name, value in sorted(labels.items()):
        if name.startswith(_SEVERAL_GROUPS) and value not in _UNSET:
            yield f"{one_line(name)} is {_quoted(labels, name)}"
    override = labels.get("num_gpu_blocks_override", "")
    if override not in _UNSET and (
        blocks is None or (positive_count(override) or 0) * ranks != blocks
    ):
        shown = (_quoted(labels, name) for name in ("num_gpu_blocks_override", "num_gpu_blocks"))
        yield "num_gpu_blocks_override is {} and num_gpu_blocks {}".format(*shown)


def _quoted(labels: Mapping[str, str], name: str) -> str:
    return one_line(labels.get(name, "")) or "not there"
