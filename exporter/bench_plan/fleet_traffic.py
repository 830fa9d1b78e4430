"""A fleet's traffic from a Prometheus-compatible API, in sums of an hour each."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, inf, isnan
from typing import Final

import numpy as np

from ..base.errors import CompareError
from ..base.untrusted import one_line
from ..compare.fleet.api import PrometheusApi
from ..compare.fleet.arrays import Floats
from ..compare.fleet.cells import one_of
from ..compare.fleet.matchers import Matcher, match_all
from ..compare.fleet.span import Span
from ..compare.fleet.windows import parse_batch
from .lengths import MAX_TOKENS, Lengths, lengths_of
from .traffic import Cell, Traffic, hours_of, ratio, share

HOUR: Final = 3600.0
_QUANTITIES: Final = (
    "seconds",
    "gpu_seconds",
    "decode_sequence_seconds",
    "decode_tokens",
    "first_tokens",
    "first_token_seconds",
    "saturated_seconds",
    "spec_draft_tokens",
    "spec_accepted_tokens",
)
_SERIES: Final = 64
"""About how many batch cells or buckets there are."""

_MAX_IN_FLIGHT: Final = 1e6
"""Requests that no engine holds at a time: a cell with more is no measurement."""

_MIN_TOKENS_PER_SECOND: Final = 1e-3
_MAX_TOKENS_PER_SECOND: Final = 1e9
"""Tokens that an engine decodes in a second at least and at most: the same holds."""

_KINDS: Final = ("engine", "model", "gpu_model")
"""A plan is for one of each."""

_SERVER: Final = "inferfleet_server_info"
_Labels = Mapping[str, str]


def fetch_traffic(api: PrometheusApi, matchers: Sequence[Matcher], span: Span) -> Traffic:
    """Return the traffic of the servers that matchers choose.

    Raises `CompareError` where there are none, or several engines, models or kinds of GPU.
    """
    api.start_run()
    servers = _servers(api, matchers, span)
    chosen = one_of("target", {server["target"] for server in servers})
    width = min(HOUR, span.seconds)
    count = max(int(span.seconds / width + 1e-6), 1)
    ends = span.end - width * np.arange(count - 1, -1, -1.0)
    reader = _Sums(api, chosen, ends, width)
    by_hour: dict[float, dict[str, float]] = {}
    by_batch: dict[str, dict[str, float]] = {}
    for quantity in _QUANTITIES:
        for labels, end, amount in reader.rows(f"load_{quantity}_total", "batch"):
            hour = by_hour.setdefault(end, {})
            hour[quantity] = hour.get(quantity, 0.0) + amount
            work = by_batch.setdefault(labels.get("batch", ""), {})
            work[quantity] = work.get(quantity, 0.0) + amount
    totals = {
        quantity: sum(hour.get(quantity, 0.0) for hour in by_hour.values())
        for quantity in _QUANTITIES
        if any(quantity in hour for hour in by_hour.values())
    }
    first = servers[0]
    return Traffic(
        engine=first.get("engine", ""),
        model=first.get("model", ""),
        gpu_model=first.get("gpu_model", ""),
        releases=tuple(sorted({labels["release"] for labels in servers if "release" in labels})),
        servers=len({server["target"] for server in servers}),
        prompt=_lengths(reader, "request_prompt_tokens"),
        output=_lengths(reader, "request_completion_tokens"),
        cells=tuple(cell for batch, amounts in by_batch.items() if (cell := _cell(batch, amounts))),
        hours=hours_of(by_hour),
        hour_seconds=width,
        hit_ratio=share(
            reader.total("prefix_cache_hit_tokens_total", ',cache="local"'),
            reader.total("prefix_cache_queried_tokens_total", ',cache="local"'),
        ),
        cached_share=share(
            reader.total("prompt_tokens_cached_total"), reader.total("prompt_tokens_total")
        ),
        saturated_share=share(totals.get("saturated_seconds"), totals.get("seconds")),
        accepted_share=share(totals.get("spec_accepted_tokens"), totals.get("spec_draft_tokens")),
        gpus=ratio(totals.get("gpu_seconds"), totals.get("seconds")),
    )


class _Sums:
    """Increases of the chosen servers' counters, added up over the servers."""

    def __init__(self, api: PrometheusApi, chosen: str, ends: Floats, width: float) -> None:
        self._api, self._chosen, self._ends, self._width = api, chosen, ends, width

    def rows(
        self, name: str, by: str = "", matchers: str = ""
    ) -> Iterator[tuple[_Labels, float, float]]:
        """Yield labels, end and sum of each hour."""
        selector = f"inferfleet_{name}{{{self._chosen}{matchers}}}[{ceil(self._width)}s]"
        query = f"sum by ({by}) (increase({selector}))"
        for series in self._api.range_in_chunks(query, self._ends, self._width, _SERIES):
            for end, amount in zip(series.times.tolist(), series.values.tolist(), strict=True):
                yield series.labels, end, amount

    def total(self, name: str, matchers: str = "") -> float | None:
        """Return the sum of all hours, None where there is no such series."""
        amounts = [amount for _, _, amount in self.rows(name, matchers=matchers)]
        return sum(amounts) if amounts else None


def _servers(api: PrometheusApi, matchers: Sequence[Matcher], span: Span) -> Sequence[_Labels]:
    known = [
        labels
        for labels in api.series(_SERVER, span.start, span.end)
        if labels.get("target") and labels.get("model")
    ]
    if not known:
        raise CompareError(
            "--prometheus: there are no servers of inferfleet in this time; is it the one that "
            "scrapes the exporter?"
        )
    chosen = [labels for labels in known if match_all(matchers, labels)]
    if not chosen:
        models = _listed({labels["model"] for labels in known})
        listed = one_line(", ".join(map(str, matchers)))
        raise CompareError(f"--model: no server has {listed}; the models known are {models}")
    for kind in _KINDS:
        values = {labels.get(kind, "") for labels in chosen}
        if len(values) > 1:
            raise CompareError(
                f"--model: the servers differ in {kind}: {_listed(values)}; a plan is for one, so "
                f"add it, such as --servers '{kind}=\"{one_line(max(values))}\"'"
            )
    return chosen


def _listed(values: set[str]) -> str:
    return ", ".join(one_line(value) or "none" for value in sorted(values))


def _cell(batch: str, amounts: Mapping[str, float]) -> Cell | None:
    """Return the cell of a batch, None where nothing was decoded or nothing can be true."""
    seconds, sequence = amounts.get("seconds", 0.0), amounts.get("decode_sequence_seconds", 0.0)
    tokens = amounts.get("decode_tokens", 0.0)
    number = parse_batch(batch)
    if isnan(number) or number <= 0 or min(seconds, sequence, tokens) <= 0:
        return None
    first, waited = amounts.get("first_tokens"), amounts.get("first_token_seconds")
    cell = Cell(seconds, sequence, tokens, first, waited)
    is_plausible = cell.in_flight < _MAX_IN_FLIGHT and (
        _MIN_TOKENS_PER_SECOND < cell.tokens_per_second < _MAX_TOKENS_PER_SECOND
    )
    return cell if is_plausible else None


def _lengths(reader: _Sums, name: str) -> Lengths | None:
    total, count = reader.total(f"{name}_sum"), reader.total(f"{name}_count")
    if total is None or count is None:
        return None
    cumulative: dict[float, float] = {}
    for labels, _, amount in reader.rows(f"{name}_bucket", "le"):
        bound = _bound(labels.get("le", ""))
        if bound is not None:
            cumulative[bound] = cumulative.get(bound, 0.0) + amount
    return lengths_of(cumulative, total, count)


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return bound if 0 < bound < MAX_TOKENS or bound == inf else None
