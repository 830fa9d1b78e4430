"""The upgrade verdict's series, written out: they need hours of traffic that no test waits for.

Names and labels are those of the recording rules and of `inferfleet judge`.
"""

from math import log, sin

from exporter.vocabulary.verdict import VERDICTS

_PAIR = (
    'engine="vllm",model="dense-8b",gpu_model="NVIDIA H200",class="caeaa8d8",release="0.26.0",'
    'baseline="0.20.2"'
)
_MATCHED = "release:inferfleet_matched_load"
_CELL = "release_batch:inferfleet_matched_load"
_MEASURES = {
    "decode": (0.97, 0.006, "regression"),
    "prefill": (1.08, 0.02, "improvement"),
    "time_to_first_token": (1.01, 0.01, "equivalent"),
    "inter_token_latency": (1.03, 0.02, "inconclusive"),
    "hit_ratio": (1.0, 0.004, "not_comparable"),
    "speculation": (0.97, 0.05, "inconclusive"),
    "energy": (1.04, 0.03, "inconclusive"),
}
_CELLS = {"1": 1.0, "2": 0.99, "8": 0.98, "16": 0.97, "32": 0.96, "64": 0.96, "128": 0.94}


def page(now: float, upgrade: float) -> str:
    """Return the series so many seconds after the fleet was switched on; empty before enough."""
    since = now - upgrade - 300.0
    if since < 0:
        return ""
    lines = []
    for measure, (center, error, verdict) in _MEASURES.items():
        error *= (1.0 + 900.0 / (since + 60.0)) ** 0.5
        ratio = center * (1 + 0.3 * error * sin(since / 400))
        if measure != "inter_token_latency":
            lines += _by_rules(measure, ratio, error, verdict, since)
        if measure != "time_to_first_token":
            lines += _by_judge(measure, ratio, error, verdict)
    for name, ratio in (("throughput", 0.88), ("inter_token_latency", 1.09)):
        value = ratio + 0.05 * sin(since / 250)
        lines.append(f'release:inferfleet_naive:ratio{{{_PAIR},measure="{name}"}} {value!r}')
    for batch, ratio in _CELLS.items():
        for measure, value in (("decode", ratio), ("time_to_first_token", 2 - ratio)):
            labels = f'{{{_PAIR},measure="{measure}",batch="{batch}"}}'
            lines.append(f"{_CELL}:ratio{labels} {value!r}")
            lines.append(f"{_CELL}:weight{labels} {1 / len(_CELLS)!r}")
    return "\n".join(lines) + "\n"


def _by_rules(measure: str, ratio: float, error: float, verdict: str, since: float) -> list[str]:
    labels = f'{_PAIR},measure="{measure}"'
    low, high = _bounds(ratio, error)
    figures = {
        "ratio": ratio,
        "lower": low,
        "upper": high,
        "stderr": log(high / low) / 4,
        "overlap_seconds": since * 0.7,
        "coverage_ratio": 0.83,
        "cells_left_out": 2.0,
    }
    lines = [f"{_MATCHED}:{name}{{{labels}}} {value!r}" for name, value in figures.items()]
    for side, servers in (("candidate", 2), ("baseline", 3)):
        lines.append(f'{_MATCHED}:servers{{{labels},side="{side}"}} {servers}')
    if verdict == "not_comparable":
        lines.append(f'{_MATCHED}:reason{{{labels},reason="meaning"}} 1')
    return [*lines, *_verdicts(f"{_MATCHED}:verdict", labels, verdict)]


def _by_judge(measure: str, ratio: float, error: float, verdict: str) -> list[str]:
    labels = f'{_PAIR},measure="{measure}"'
    low, high = _bounds(ratio, error)
    lines = [
        f'inferfleet_upgrade_effect_ratio{{{labels},bound="{bound}"}} {value!r}'
        for bound, value in (("estimate", ratio), ("lower", low), ("upper", high))
    ]
    return [*lines, *_verdicts("inferfleet_upgrade_verdict", labels, verdict)]


def _bounds(ratio: float, error: float) -> tuple[float, float]:
    return ratio * (1 - 2 * error), ratio * (1 + 2 * error)


def _verdicts(series: str, labels: str, verdict: str) -> list[str]:
    return [f'{series}{{{labels},verdict="{word}"}} {int(word == verdict)}' for word in VERDICTS]
