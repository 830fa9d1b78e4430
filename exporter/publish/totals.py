"""Several servers taken together: the whole fleet, and each release of each model.

Rates add up, ratios are pooled by their parts, so that an idle server weighs less than a busy one.
What no server tells is null.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..base.exact_sum import exact_sum
from ..base.untrusted import finite
from ..derive.figure import FigureValue
from ..derive.ratio import Ratio, pooled
from ..engines.registry import ENGINES
from ..sampling.reading import ServerReading
from .figures import Json

_FLEET: Final = (
    "generation_tokens_per_second",
    "generation_tokens_per_second_per_gpu",
    "prompt_tokens_per_second_per_gpu",
    "batch_occupancy_ratio",
)
_RELEASE: Final = (
    *_FLEET,
    "time_to_first_token_mean_seconds",
    "inter_token_latency_mean_seconds",
)


def totals(live: Sequence[ServerReading]) -> Json:
    """Return fleet totals; rates for each GPU count only servers whose rate and GPUs are known.

    The number of GPUs is null until it is known of every server.
    """
    hits = [reading.figures.get("prefix_cache_hit_ratio") for reading in live]
    return {
        "up": len(live),
        "gpus": _gpus(live),
        **_pooled_figures(live, _FLEET),
        "prefix_cache_hit_ratio": _total(
            by_cache.get("local") for by_cache in hits if isinstance(by_cache, Mapping)
        ),
    }


def release_totals(live: Sequence[ServerReading]) -> list[Json]:
    """Return the totals of each release of each model, in order; servers yet unknown are in none.

    What sets releases apart is the release, the version and the model runner.
    """
    groups: dict[tuple[str, ...], list[ServerReading]] = {}
    for reading in live:
        if reading.identity and reading.snapshot:
            text = reading.identity.text
            model = text("model") or reading.snapshot.plan.model
            engine, release = reading.snapshot.plan.engine, reading.identity.release
            key = engine, release, text("version"), text("runner"), model
            groups.setdefault(key, []).append(reading)
    return [
        {
            "engine": engine,
            "engine_title": ENGINES[engine].title,
            "release": release or None,
            "version": version or None,
            "runner": runner or None,
            "model": model or None,
            "servers": len(readings),
            "gpus": _gpus(readings),
            **_pooled_figures(readings, _RELEASE),
        }
        for (engine, release, version, runner, model), readings in sorted(groups.items())
    ]


def _gpus(readings: Sequence[ServerReading]) -> float | None:
    identities = [reading.identity for reading in readings]
    counts = [identity.number("gpus") if identity else None for identity in identities]
    return None if None in counts else _total(counts)


def _pooled_figures(readings: Sequence[ServerReading], names: Iterable[str]) -> Json:
    return {name: _total(reading.figures.get(name) for reading in readings) for name in names}


def _total(values: Iterable[FigureValue | None]) -> float | None:
    """Return the sum of numbers, or the ratio of ratios pooled; None where none is known."""
    known = list(values)
    ratios = [value for value in known if isinstance(value, Ratio)]
    numbers = [value for value in known if isinstance(value, int | float)]
    if numbers:
        return finite(exact_sum(numbers))
    ratio = pooled(ratios)
    return finite(ratio.value) if ratio else None
