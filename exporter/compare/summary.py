"""The verdicts as the fleet API shows them. Needs no numpy."""

from typing import Any

from ..base.untrusted import printable
from .assess.result import Comparison, MeasureResult
from .verdicts import Verdicts

Json = dict[str, Any]


def verdict_report(verdicts: Verdicts) -> Json:
    """Return when the verdicts were reached (Unix seconds, null if never), and each of them."""
    return {
        "judged_at": verdicts.succeeded_at or None,
        # names in Prometheus are outside text
        "verdicts": [printable(_upgrade(comparison)) for comparison in verdicts.comparisons],
    }


def _upgrade(comparison: Comparison) -> Json:
    return {
        "external_labels": comparison.external_labels,
        "namespace": comparison.place.get("namespace"),
        "workload": comparison.place.get("workload"),
        "engine": comparison.engine,
        "model": comparison.model,
        "gpu_model": comparison.gpu_model,
        "class": comparison.server_class,
        "baseline": ", ".join(comparison.baseline.releases),
        "release": ", ".join(comparison.candidate.releases),
        "verdict": comparison.verdict,
        "headline": comparison.headline,
        "answer_expected_at": comparison.answer_at,
        "confidence_level": 1.0 - comparison.alpha,
        "servers": {
            "baseline": comparison.baseline.servers,
            "candidate": comparison.candidate.servers,
        },
        "measures": {result.measure: _measure(result) for result in comparison.measures},
    }


def _measure(result: MeasureResult) -> Json:
    estimate = result.estimate
    return {
        "verdict": result.verdict,
        "ratio": estimate.ratio if estimate else None,
        "lower": estimate.lower if estimate else None,
        "upper": estimate.upper if estimate else None,
        "reason": result.reason or None,
        "reason_code": result.reason_code,
        "remedy": result.remedy or None,
    }
