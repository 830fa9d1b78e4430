"""The verdicts of a judge as metrics: every series that alerts, dashboards and gates read.

Needs no numpy: `serve` publishes what a process of its own has judged.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ..vocabulary.exporter import JUDGE
from ..vocabulary.family import PREFIX
from ..vocabulary.verdict import VERDICTS
from .assess.result import Comparison, MeasureResult
from .verdicts import Verdicts

_FAMILIES: Final = {family.name: family for family in JUDGE}


def metrics(verdicts: Verdicts, failures: int) -> Iterator[Metric]:
    """Yield the metrics of the verdicts and of the judge, whose runs failed so many times."""
    # where no series has an external label there is none here either
    external = tuple(
        dict.fromkeys(name for each in verdicts.comparisons for name in each.external_labels)
    )
    upgrades = _Upgrades(external)
    for comparison in verdicts.comparisons:
        upgrades.add(comparison, verdicts.succeeded_at)
    yield from upgrades.families.values()
    last = _gauge("judge_last_success_timestamp_seconds")
    if verdicts.succeeded_at:
        last.add_metric([], verdicts.succeeded_at)
    yield last
    failed = _FAMILIES["judge_failures_total"]
    counter = CounterMetricFamily(PREFIX + failed.name.removesuffix("_total"), failed.help)
    counter.add_metric([], failures)
    yield counter


def _gauge(name: str, external: tuple[str, ...] = ()) -> GaugeMetricFamily:
    family = _FAMILIES[name]
    return GaugeMetricFamily(PREFIX + name, family.help, labels=(*external, *family.labels))


class _Upgrades:
    """Collects the series of comparisons; `external` are the external labels any of them has."""

    def __init__(self, external: tuple[str, ...]) -> None:
        self._external = external
        self.families = {
            name: _gauge(name, external) for name in _FAMILIES if name.startswith("upgrade_")
        }

    def add(self, comparison: Comparison, judged_at: float) -> None:
        """Add the series of one comparison, judged at a Unix time."""
        values = {
            "namespace": comparison.place.get("namespace", ""),
            "workload": comparison.place.get("workload", ""),
            "engine": comparison.engine,
            "model": comparison.model,
            "gpu_model": comparison.gpu_model,
            "class": comparison.server_class,
            "release": ", ".join(comparison.candidate.releases),
            "baseline": ", ".join(comparison.baseline.releases),
            **{name: comparison.external_labels.get(name, "") for name in self._external},
        }
        for name, side in (("baseline", comparison.baseline), ("candidate", comparison.candidate)):
            labels = {**values, "side": name}
            self._set("upgrade_servers", labels, side.servers)
            self._set("upgrade_compared_seconds", labels, 3600.0 * side.hours)
        self._set("upgrade_judged_timestamp_seconds", values, judged_at)
        self._set("upgrade_confidence_level_ratio", values, 1.0 - comparison.alpha)
        if comparison.answer_at is not None:
            self._set("upgrade_answer_expected_timestamp_seconds", values, comparison.answer_at)
        for result in comparison.measures:
            self._add_measure(result, {**values, "measure": result.measure})

    def _add_measure(self, result: MeasureResult, values: dict[str, str]) -> None:
        for verdict in VERDICTS:
            labels = {**values, "verdict": verdict}
            self._set("upgrade_verdict", labels, float(verdict == result.verdict))
        if estimate := result.estimate:
            for bound, ratio in (
                ("estimate", estimate.ratio),
                ("lower", estimate.lower),
                ("upper", estimate.upper),
            ):
                self._set("upgrade_effect_ratio", {**values, "bound": bound}, ratio)
        if result.reason_code is not None:
            self._set("upgrade_reason", {**values, "reason": result.reason_code}, 1.0)
        if result.coverage is not None:
            self._set("upgrade_coverage_ratio", values, result.coverage)
        for cell in result.cells:
            # named as the exporter names its load cells
            labels = {**values, "batch": f"{cell.high:.15g}"}
            self._set("upgrade_batch_work_ratio", labels, cell.token_share)
            if cell.estimate is not None:
                self._set("upgrade_batch_effect_ratio", labels, cell.estimate.ratio)

    def _set(self, name: str, values: dict[str, str], value: float) -> None:
        labels = (*self._external, *_FAMILIES[name].labels)
        self.families[name].add_metric([values[label] for label in labels], value)
