"""What the live view knows of one server beside its figures, as one document."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from ..derive.counters.histogram import Histogram, Quantile, Share
from ..derive.counters.limits import ServerLimits
from ..sampling.reading import ServerReading
from .statistics.event_counters import EVENTS, HISTOGRAMS, TIME_PER_TOKEN
from .statistics.evidence import evidence
from .statistics.goodput import Attainment, Objectives, attainment, goodput
from .statistics.hints import Hint, hints
from .statistics.load_curve import LoadPoint, load_curve
from .statistics.peaks import Peaks
from .statistics.rolling import RollingWindow


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of a window's events: how many, their mean and quantiles; None where unknown."""

    count: float
    mean: float | None = None
    p50: Quantile | None = None
    p90: Quantile | None = None
    p99: Quantile | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """One server over a rolling window of `window_seconds`.

    `distributions` are by the canonical name of their histogram and missing where the engine has
    none. `events` are by canonical counter, then by the value of the label that divides it;
    `goodput_requests_per_second` are the requests that met both objectives. `peaks` are since the
    server is watched, and so are the hints where they do not say otherwise.
    """

    window_seconds: float
    peaks: Peaks
    distributions: Mapping[str, Distribution]
    events: Mapping[str, Mapping[str, float]]
    objectives: Mapping[str, Attainment]
    goodput_requests_per_second: Share | None
    load_curve: tuple[LoadPoint, ...]
    hints: tuple[Hint, ...]


_ADAPTER: Final = TypeAdapter(Detail)


def as_json(detail: Detail) -> Any:
    """Return a detail as a JSON document of the shape of `schema`."""
    # what pages hold may add up to more than a number can be, which JSON does not know
    return json.loads(_ADAPTER.dump_json(detail))


def schema() -> Any:
    """Return the JSON schema of a detail."""
    return _ADAPTER.json_schema(mode="serialization")


def distribution(histogram: Histogram) -> Distribution:
    """Return the quantiles of a histogram."""
    return Distribution(
        histogram.count,
        histogram.mean,
        histogram.quantile(0.5),
        histogram.quantile(0.9),
        histogram.quantile(0.99),
    )


def detail(
    window: RollingWindow,
    peaks: Peaks,
    reading: ServerReading,
    limits: ServerLimits,
    objectives: Objectives,
    unix: float,
) -> Detail:
    """Return what a window and the newest reading say, at Unix time `unix` in seconds."""
    histograms = {
        family: histogram for family in HISTOGRAMS if (histogram := window.histogram(family))
    }
    events = {family: counts for family in EVENTS if (counts := window.events(family))}
    first = histograms.get("time_to_first_token_seconds")
    between = histograms.get("inter_token_latency_seconds")
    caching = reading.identity.facts.get("prefix_caching") if reading.identity else None
    sizing = None
    if reading.snapshot:
        sizing = evidence(
            reading.snapshot,
            limits,
            peaks,
            unix,
            caching.value if caching and isinstance(caching.value, bool) else None,
        )
    return Detail(
        window_seconds=window.seconds,
        peaks=peaks,
        distributions={name: distribution(histogram) for name, histogram in histograms.items()},
        events=events,
        objectives={
            "time_to_first_token": attainment(first, objectives.time_to_first_token),
            "inter_token_latency": attainment(between, objectives.inter_token_latency),
        },
        goodput_requests_per_second=goodput(
            first, histograms.get(TIME_PER_TOKEN), objectives, window.seconds
        ),
        load_curve=load_curve(reading.load),
        hints=hints(sizing) if sizing else (),
    )
