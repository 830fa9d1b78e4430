"""Real faults, one at a time: what shows them, and what the person on call should hear of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from exporter.vocabulary.family import PREFIX

from .fleet import Fleet, Value, requests
from .quiet import UPGRADE, quiet
from .series import name

AT: Final = 800
"""The minute in which every fault begins."""
_TARGET, _GPU = "serving/code-1", "gpu-serving/code-1"
_DECODE: Final = UPGRADE | {"measure": "decode"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, as a sentence, and how the series show it; `alert` is what must fire."""

    title: str
    alert: str
    faulty: dict[str, dict[str, Value]] = field(default_factory=dict)
    change: Callable[[Fleet], None] = lambda _: None
    blind: str = ""

    def fleet(self, days: int) -> Fleet:
        """Return the quiet fleet with this fault in it."""
        fleet = quiet(days, self.faulty, {self.blind: AT} if self.blind else {})
        self.change(fleet)
        return fleet


def _from(value: float, before: float = 0.0) -> Value:
    return lambda m: value if m >= AT else before


def _killed(m: int) -> float:
    """Return 1 for an hour: longer than anybody waits, and over before another server reboots."""
    return float(AT <= m < AT + 60)


def _once(m: int) -> float:
    return float(m == AT)


def _every(minutes: int) -> Value:
    return lambda m: float(m >= AT and (m - AT) % minutes == 0)


def _late(m: int) -> float:
    return 0.7 * requests(m) if m >= AT else requests(m)


def _nothing_discovered(fleet: Fleet) -> None:
    for series, samples in fleet.series.items():
        if series.startswith(("inferfleet_targets{", "inferfleet_discovered_targets{")):
            samples[AT:] = [0.0] * len(samples[AT:])
        elif "target=" in series:
            samples[AT:] = [None] * len(samples[AT:])


def _regression(fleet: Fleet) -> None:
    for metric, label, before, after in (
        ("upgrade_effect_ratio", {"bound": "estimate"}, 1.0, 0.9),
        ("upgrade_verdict", {"verdict": "equivalent"}, 1.0, 0.0),
        ("upgrade_verdict", {"verdict": "regression"}, 0.0, 1.0),
    ):
        series = name(f"{PREFIX}{metric}", _DECODE | label)
        fleet.series[series] = [_from(after, before)(m) for m in range(fleet.minutes)]


def _no_judge(fleet: Fleet) -> None:
    for series, samples in fleet.series.items():
        if series.startswith((f"{PREFIX}judge_", f"{PREFIX}upgrade_")):
            samples[AT:] = [None] * len(samples[AT:])


def _server(**faulty: Value) -> dict[str, dict[str, Value]]:
    return {_TARGET: faulty}


def _gpu(**faulty: Value) -> dict[str, dict[str, Value]]:
    return {_GPU: faulty}


FAULTS: Final = (
    Fault("one server of four is killed", "InferfleetTargetDown", _server(down=_killed)),
    Fault(
        "all servers of a model are killed",
        "InferfleetModelDown",
        {f"serving/code-{i}": {"down": _killed} for i in range(4)},
    ),
    Fault("an engine hangs", "InferfleetEngineStalled", _server(engine_stalled=_from(1.0))),
    Fault(
        "a server crashes every 15 minutes",
        "InferfleetRestartLoop",
        _server(server_restarts_total=_every(15)),
    ),
    Fault(
        "logits turn to NaN",
        "InferfleetCorruptedRequests",
        _server(corrupted_requests_total=_once),
    ),
    Fault(
        "30 % of a model's first tokens are late",
        "InferfleetTimeToFirstTokenBudgetBurnFast",
        {f"serving/code-{i}": {"time_to_first_token_seconds_bucket": _late} for i in range(4)},
    ),
    Fault(
        "10 % of a model's responses are 5xx",
        "InferfleetErrorsBudgetBurnFast",
        {
            f"serving/code-{i}": {
                "http_responses_total5xx": lambda m: requests(m) // 10 if m >= AT else 0.0
            }
            for i in range(4)
        },
    ),
    Fault(
        "a server preempts half of its requests",
        "InferfleetPreemptionStorm",
        _server(preemptions_total=lambda m: requests(m) // 2 if m >= AT else 0.0),
    ),
    Fault(
        "KV transfers fail",
        "InferfleetKvTransferFailures",
        _server(kv_transfer_failures_total=_every(3)),
    ),
    Fault("a GPU falls off the bus", "InferfleetGpuLost", _gpu(gpu_up=_from(0.0, 1.0))),
    Fault(
        "a GPU reports XID 48",
        "InferfleetGpuXidError",
        _gpu(gpu_xid_errors_total=lambda m: 1.0 if m >= AT else None),
    ),
    Fault(
        "a GPU has an uncorrectable memory error",
        "InferfleetGpuMemoryErrors",
        _gpu(gpu_ecc_errors_total=_from(3.0, 2.0)),
    ),
    Fault(
        "a GPU is held down by heat",
        "InferfleetGpuThrottled",
        _gpu(gpu_throttled_seconds_total=_from(30.0)),
    ),
    Fault("an exporter of two dies", "InferfleetShardsIncomplete", blind="exporter-1"),
    Fault(
        "discovery names no server any more",
        "InferfleetTargetsVanished",
        change=_nothing_discovered,
    ),
    Fault(
        "a release decodes 10 % slower, says the judge",
        "InferfleetDecodeRegression",
        change=_regression,
    ),
    Fault(
        "two releases ran today, and the judge is taken away",
        "InferfleetUpgradeNotJudged",
        change=_no_judge,
    ),
)
