"""On real servers: what their own counters say of a load phase, the load client measured too."""

from pathlib import Path

import pytest

from alerts.values import load
from exporter.compare.options import Options
from exporter.compare.run import run
from exporter.replay.recording import bundled_replicates

FOLDER = Path(__file__).parents[2] / "recordings" / "replicates"
RUNS = [*bundled_replicates().values(), *FOLDER.glob("*.tar.xz")]


@pytest.mark.parametrize("model", ["dense-0.26.0", "dense-0.20.2", "moe-0.20.2"])
def test_the_clients_change_lies_in_the_interval_of_the_servers_counters(model: str) -> None:
    """Two model runners of vLLM on H200s; each side counts by a clock of its own."""
    sides = (
        tuple(sorted(str(path) for path in RUNS if f"{model}-{runner}" in path.name))
        for runner in ("v1", "v2")
    )
    baseline, candidate = sides
    matched = load().matched
    report = run(
        Options(
            baseline_recordings=baseline,
            candidate_recordings=candidate,
            margin=matched.margin,
            warm_up=matched.warm_up,
        )
    )
    (comparison,) = report.comparisons
    assert len(comparison.phases) == 7
    for phase in comparison.phases:
        counters = phase.cells_estimate
        assert counters is not None
        assert counters.lower < phase.client_ratio < counters.upper, phase.phase
        assert phase.client_ratio == pytest.approx(counters.ratio, abs=0.03), phase.phase
