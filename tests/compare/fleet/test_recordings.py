"""Two recorded servers: the same windows from recordings alone, beside their load client."""

import json

import pytest
from typer.testing import CliRunner

from exporter.base.errors import CompareError, RecordingError
from exporter.cli.app import app
from exporter.compare.assess.result import Report
from exporter.compare.fleet.recordings import read_recordings
from exporter.compare.options import Options
from exporter.compare.run import run
from tests.conftest import RECORDINGS

DENSE, DENSE_V2, DENSE_NEW = (
    "vllm-dense-0.20.2-mrv1",
    "vllm-dense-0.20.2-mrv2",
    "vllm-dense-0.26.0",
)
MOE, MOE_V2 = "vllm-moe-0.20.2-mrv1", "vllm-moe-0.20.2-mrv2"


def compared(*names: str, **more: object) -> Report:
    return run(Options(recordings=names, margin=0.03, warm_up=3600.0, **more), now=lambda: 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("old", "new"), [(DENSE, DENSE_V2), (DENSE, DENSE_NEW), (MOE, MOE_V2)])
def test_the_cells_agree_with_the_load_client_in_every_phase(old: str, new: str) -> None:
    report = compared(old, new)
    phases = report.comparisons[0].phases
    assert [phase.phase for phase in phases] == [
        "single",
        "small",
        "medium",
        "full",
        "prefix-heavy",
        "long-context",
        "overload",
    ]
    for phase in phases:
        assert phase.cells_ratio == pytest.approx(phase.client_ratio, abs=0.03), phase.phase


def test_one_server_each_is_described_and_not_judged() -> None:
    report = compared(DENSE, DENSE_NEW)
    comparison = report.comparisons[0]
    assert report.verdict == "not_comparable"
    assert "1 server ran the baseline and 1 the candidate" in report.headline
    decode = comparison.measures[0]
    assert decode.estimate is None
    assert decode.observed_ratio == pytest.approx(1.0, abs=0.05)
    assert {m.verdict for m in comparison.measures} == {"not_comparable"}
    # the engine's own figure, from its start-up log
    assert comparison.baseline.kv_cache_capacity_tokens == 838_640
    assert comparison.naive_throughput is not None
    assert any("step-tokens-computed-only" in check.text for check in comparison.checks)
    assert "energy" in {m.measure for m in comparison.measures}


def test_a_runner_that_differs_is_named() -> None:
    comparison = compared(MOE, MOE_V2).comparisons[0]
    assert ("runner", "v1", "v2") in {
        (d.name, d.baseline, d.candidate) for d in comparison.differences
    }


def test_windows_hold_all_that_was_done() -> None:
    played = read_recordings((DENSE, DENSE_NEW))
    windows = played.fleet.windows
    tokens = windows.column("decode_tokens")
    phases = {side: sum(phase.client_rates[side] for phase in played.phases) for side in (0, 1)}
    assert min(phases.values()) > 0
    for side, generated in ((0, 509_456.0), (1, 454_701.0)):
        # the client's tokens of all phases, less each request's first
        assert float(tokens[(windows.server == side) & (tokens > 0)].sum()) == pytest.approx(
            generated, rel=0.02
        )


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ((DENSE,), "give it twice"),
        ((DENSE, DENSE), "the same recording"),
        ((DENSE, MOE), "not of one model"),
    ],
)
def test_faults(names: tuple[str, ...], fault: str) -> None:
    with pytest.raises(CompareError, match=fault):
        compared(*names)


def test_other_faults() -> None:
    with pytest.raises(RecordingError, match="nowhere"):
        compared(DENSE, "nowhere")
    with pytest.raises(CompareError, match="are the sides"):
        compared(DENSE, DENSE_NEW, prometheus="http://a")


def test_any_recording_will_do() -> None:
    """CPU servers without a GPU's telemetry, by path."""
    paths = [str(RECORDINGS[name]) for name in ("vllm-0.19.1-basic-cpu", "vllm-0.20.2-basic-cpu")]
    report = compared(*paths)
    assert report.verdict == "not_comparable"
    assert "energy" not in {m.measure for m in report.comparisons[0].measures}


def test_the_command_line() -> None:
    words = ["compare", "--recording", DENSE, "--recording", DENSE_NEW]
    result = CliRunner().invoke(app, [*words, "--json", "--gate"])
    assert result.exit_code == 3
    assert json.loads(result.stdout)["verdict"] == "not_comparable"
