"""The judge's series, written out: a verdict needs hours of traffic that no test waits for."""

from math import sin

from exporter.vocabulary.verdict import VERDICTS
from tests.dashboards.replayed_fleet import EPOCH

UPGRADED = {"model": "dense-8b", "gpu_model": "NVIDIA H200", "class": "caeaa8d8"}
"""The servers of the replayed fleet that are upgraded."""
RELEASES = {"baseline": "0.20.2", "release": "0.26.0"}
_PAIR = ",".join(
    f'{name}="{value}"' for name, value in {"engine": "vllm", **UPGRADED, **RELEASES}.items()
)
# the server whose page is written by hand, the only one that drafts
_DRAFTING = (
    'engine="vllm",model="features-8b",gpu_model="NVIDIA H200",class="59c5d0a3",release="0.26.0",'
    'baseline="0.25.1"'
)
_UPGRADE = "inferfleet_upgrade_"
_MEASURES = {
    "decode": (0.97, 0.006, "regression"),
    "prefill": (1.08, 0.02, "improvement"),
    "inter_token_latency": (1.03, 0.02, "inconclusive"),
    "hit_ratio": (1.0, 0.004, "equivalent"),
    "energy": (1.04, 0.03, "inconclusive"),
}
# in batches that both releases of the replayed fleet ran
_CELLS = {
    "8": (1.0, 0.02),
    "24": (0.99, 0.08),
    "32": (0.98, 0.1),
    "48": (0.97, 0.2),
    "64": (0.97, 0.25),
    "96": (0.96, 0.35),
}


def page(now: float, upgrade: float) -> str:
    """Return the series so many seconds after the fleet was switched on; empty before enough."""
    since = now - upgrade - 300.0
    if since < 0:
        return ""
    lines = [
        f"{_UPGRADE}confidence_level_ratio{{{_PAIR}}} 0.983",
        f"{_UPGRADE}judged_timestamp_seconds{{{_PAIR}}} {EPOCH + now!r}",
        f"{_UPGRADE}answer_expected_timestamp_seconds{{{_PAIR}}} {EPOCH + now + 7200!r}",
        f"inferfleet_judge_last_success_timestamp_seconds {EPOCH + now!r}",
        "inferfleet_judge_failures_total 0",
    ]
    for side, servers, seconds in (("candidate", 2, since * 0.7), ("baseline", 3, since + 86_400)):
        lines.append(f'{_UPGRADE}servers{{{_PAIR},side="{side}"}} {servers}')
        lines.append(f'{_UPGRADE}compared_seconds{{{_PAIR},side="{side}"}} {seconds!r}')
    for measure, (center, error, verdict) in _MEASURES.items():
        error *= (1.0 + 900.0 / (since + 60.0)) ** 0.5
        ratio = center * (1 + 0.3 * error * sin(since / 400))
        lines += _judged(f'{_PAIR},measure="{measure}"', ratio, error, verdict)
    labels = f'{_PAIR},measure="speculation"'
    lines += [f'{_UPGRADE}reason{{{labels},reason="work"}} 1', *_verdict(labels, "not_comparable")]
    lines += _judged(f'{_DRAFTING},measure="speculation"', 0.97, 0.03, "inconclusive")
    for batch, (ratio, work) in _CELLS.items():
        for measure, value in (("decode", ratio), ("prefill", 2 - ratio)):
            labels = f'{{{_PAIR},measure="{measure}",batch="{batch}"}}'
            lines.append(f"{_UPGRADE}batch_effect_ratio{labels} {value!r}")
            lines.append(f"{_UPGRADE}batch_work_ratio{labels} {work!r}")
    return "\n".join(lines) + "\n"


def _judged(labels: str, ratio: float, error: float, verdict: str) -> list[str]:
    bounds = {"estimate": ratio, "lower": ratio * (1 - 2 * error), "upper": ratio * (1 + 2 * error)}
    return [
        f"{_UPGRADE}coverage_ratio{{{labels}}} 0.83",
        *(
            f'{_UPGRADE}effect_ratio{{{labels},bound="{bound}"}} {value!r}'
            for bound, value in bounds.items()
        ),
        *_verdict(labels, verdict),
    ]


def _verdict(labels: str, verdict: str) -> list[str]:
    return [
        f'{_UPGRADE}verdict{{{labels},verdict="{word}"}} {int(word == verdict)}'
        for word in VERDICTS
    ]
