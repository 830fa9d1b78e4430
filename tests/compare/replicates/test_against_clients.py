"""On real servers: what their own counters say of a load phase, the load client measured too."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from alerts.values import load
from exporter.compare.options import Options
from exporter.compare.run import run
from exporter.replay.recording import bundled_replicates

RECORDINGS = Path(__file__).parents[2] / "recordings"
REPLICATES = [
    *bundled_replicates().values(),
    *sorted((RECORDINGS / "replicates").glob("*.tar.xz")),
]
PLANNED = sorted((RECORDINGS / "benchmark").glob("*.tar.xz"))


def _runs(paths: Iterable[Path], part: str) -> tuple[str, ...]:
    return tuple(sorted(str(path) for path in paths if part in path.name))


SETS = {
    **{
        model: tuple(_runs(REPLICATES, f"{model}-{runner}") for runner in ("v1", "v2"))
        for model in ("dense-0.26.0", "dense-0.20.2", "moe-0.20.2")
    },
    "planned": tuple(_runs(PLANNED, side) for side in ("baseline", "candidate")),
}
"""The runs of baseline and candidate by the set's name."""

PHASES = {"planned": 2}
"""Load phases of a set, seven where it is not named."""


@pytest.mark.parametrize("name", SETS)
def test_the_clients_change_lies_in_the_interval_of_the_servers_counters(name: str) -> None:
    """Two model runners of vLLM on H200s; each side counts by a clock of its own."""
    baseline, candidate = SETS[name]
    assert len(baseline) == len(candidate) >= 2
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
    assert len(comparison.phases) == PHASES.get(name, 7)
    for phase in comparison.phases:
        counters = phase.cells_estimate
        assert counters is not None
        assert counters.lower < phase.client_ratio < counters.upper, phase.phase
        assert phase.client_ratio == pytest.approx(counters.ratio, abs=0.03), phase.phase
