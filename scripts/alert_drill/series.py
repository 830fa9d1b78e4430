"""Series by the minute, in promtool's notation."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

Samples = list[float | None]
"""A value for each minute, None where the series is not there."""


def name(metric: str, labels: Mapping[str, str]) -> str:
    """Return a series as Prometheus writes it."""
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{metric}{{{inside}}}"


def notation(samples: Sequence[float | None]) -> str:
    """Return samples as promtool's unit tests take them: runs of equal steps, gaps as stale."""
    parts = list[str]()
    i, size = 0, len(samples)
    while i < size:
        first = samples[i]
        end = i + 1
        if first is None:
            while end < size and samples[end] is None:
                end += 1
            parts.append("stale" if i else "_")
            if end - i > 1:
                parts.append(f"_x{end - i - 1}")
        else:
            step = _step(samples, i)
            while end < size and samples[end] == first + step * (end - i):
                end += 1
            parts.append(f"{first:g}{step:+g}x{end - i - 1}" if end - i > 1 else f"{first:g}")
        i = end
    return " ".join(parts)


def _step(samples: Sequence[float | None], i: int) -> float:
    following = samples[i + 1] if i + 1 < len(samples) else None
    current = samples[i]
    return 0.0 if following is None or current is None else following - current


def counter(rates: Sequence[float | None]) -> Samples:
    """Return a counter that grows by a whole number a minute; it begins anew after a gap."""
    total, samples = 0.0, Samples()
    for before, rate in pairwise([None, *rates]):
        if rate is None:
            samples.append(None)
            continue
        total = total + rate if before is not None else 0.0
        samples.append(total)
    return samples
