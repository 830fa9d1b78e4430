"""Recorded servers: the same windows from recordings alone, beside their load client."""

import json
import re
import shutil
from math import log
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from exporter.base.errors import CompareError, RecordingError
from exporter.cli.app import app
from exporter.compare.assess.result import Report
from exporter.compare.fleet.recordings import read_recordings
from exporter.compare.fleet.windows import Windows
from exporter.compare.options import Options
from exporter.compare.run import run
from exporter.replay.archive import read_files
from tests.conftest import RECORDINGS, cached_load

DENSE, DENSE_NEW, MOE, MOE_V2 = (
    "vllm-dense-0.20.2-mrv1",
    "vllm-dense-0.26.0",
    "vllm-moe-0.20.2-mrv1",
    "vllm-moe-0.20.2-mrv2",
)
REPLICATES = Path(__file__).parents[2] / "recordings" / "replicates"
PHASES = ["single", "small", "medium", "full", "prefix-heavy", "long-context", "overload"]


def replicates(model: str, runner: str) -> tuple[str, ...]:
    paths = sorted(REPLICATES.glob(f"vllm-{model}-0.20.2-{runner}-*.tar.xz"))
    assert len(paths) == 2
    return tuple(str(path) for path in paths)


def compared(baseline: tuple[str, ...], candidate: tuple[str, ...], **more: object) -> Report:
    options = Options(
        baseline_recordings=baseline,
        candidate_recordings=candidate,
        margin=0.03,
        warm_up=3600.0,
        **more,  # type: ignore[arg-type]
    )
    return run(options, now=lambda: 0.0)


@pytest.fixture(scope="module", params=["dense", "moe"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def report(model: str) -> Report:
    return compared(replicates(model, "v1"), replicates(model, "v2"))


def client_logs(path: str) -> dict[str, float]:
    return {phase["name"]: log(phase["gen_tok_s"]) for phase in cached_load(Path(path)).phases}


def test_phases_are_those_of_the_load_client(report: Report, model: str) -> None:
    old, new = (
        [client_logs(path) for path in replicates(model, runner)] for runner in ("v1", "v2")
    )
    phases = report.comparisons[0].phases
    assert [phase.phase for phase in phases] == PHASES
    for phase in phases:
        a, b, c, d = (logs[phase.phase] for logs in (*old, *new))
        assert log(phase.client_ratio) == pytest.approx((c + d - a - b) / 2)
        spread = phase.run_spread
        assert spread.baseline is not None
        assert log(1 - spread.baseline) == pytest.approx(-abs(a - b), abs=1e-9)
        assert spread.candidate is not None
        assert log(1 - spread.candidate) == pytest.approx(-abs(c - d), abs=1e-9)
        assert phase.cells_ratio == pytest.approx(phase.client_ratio, abs=0.03), phase.phase


def test_what_single_runs_seemed_to_show_is_not_called(report: Report, model: str) -> None:
    """Two servers set up alike differed by a quarter in a phase of the mixture of experts."""
    comparison = report.comparisons[0]
    assert report.verdict == "inconclusive"
    assert {phase.verdict for phase in comparison.phases} <= {"inconclusive", "equivalent"}
    small = next(phase for phase in comparison.phases if phase.phase == "small")
    assert small.run_spread.baseline == pytest.approx(0.262 if model == "moe" else 0.011, abs=2e-3)
    estimate = comparison.measures[0].estimate
    assert estimate is not None
    # decode at equal load is far steadier than the phases
    spread = comparison.measures[0].run_spread
    assert spread is not None
    assert max(spread.baseline or 1.0, spread.candidate or 1.0) < 0.025
    assert estimate.ratio == pytest.approx(0.955 if model == "moe" else 1.013, abs=0.01)
    assert check(report, "order") == check(report, "runs") == "passed"
    assert check(report, "replicates") == check(report, "overlap") == "passed"
    assert all(each.name not in ("starts", "A/A") for each in comparison.checks)


def check(report: Report, name: str) -> str:
    return next(each.outcome for each in report.comparisons[0].checks if each.name == name)


def test_energy_of_the_runs_that_have_it_is_kept(report: Report) -> None:
    runs = report.comparisons[0].runs
    assert [run.joules_per_token is not None for run in runs] == [True, False, False, False]
    (energy,) = (m for m in report.comparisons[0].measures if m.measure == "energy")
    assert energy.verdict == "not_comparable"
    assert "1 of 2 runs of the baseline and in 0 of 2 of the candidate" in energy.reason


def test_two_servers_of_one_set_up_as_sides(model: str) -> None:
    first, second = replicates(model, "v1")
    report = compared((first,), (second,))
    assert report.verdict == "not_comparable"
    assert "there is one run each" in report.headline
    assert check(report, "A/A") == "noted"
    # the size of the cache moves a little with each start
    assert {each.name for each in report.comparisons[0].differences} <= {"KV cache, tokens"}


def test_sides_are_named_by_what_their_runs_share(report: Report, model: str) -> None:
    comparison = report.comparisons[0]
    assert comparison.baseline.releases == (f"{model}-0.20.2-v1",)
    assert comparison.candidate.releases == (f"{model}-0.20.2-v2",)
    assert comparison.baseline.servers == comparison.candidate.servers == 2
    # the engine's own figures, from its start-up log
    capacities = (701_952, 710_528) if model == "moe" else (871_832, 874_144)
    for side, capacity in zip((comparison.baseline, comparison.candidate), capacities, strict=True):
        assert side.kv_cache_capacity_tokens == pytest.approx(capacity)
        assert side.largest_batch is not None
        assert side.largest_batch <= 256 * 1.03


def test_the_order_on_the_command_line_does_not_matter(report: Report, model: str) -> None:
    other = compared(replicates(model, "v1")[::-1], replicates(model, "v2")[::-1])
    a, b = (each.comparisons[0].measures[0].estimate for each in (report, other))
    assert a is not None
    assert b is not None
    assert a.ratio == pytest.approx(b.ratio, abs=1e-9)
    assert a.stderr == pytest.approx(b.stderr, abs=1e-9)


@pytest.mark.parametrize(("old", "new"), [(DENSE, DENSE_NEW), (MOE, MOE_V2)])
def test_one_run_each_is_described_and_not_judged(old: str, new: str) -> None:
    report = compared((old,), (new,))
    comparison = report.comparisons[0]
    assert report.verdict == "not_comparable"
    assert {m.verdict for m in comparison.measures} == {"not_comparable"}
    assert comparison.measures[0].estimate is None
    assert comparison.measures[0].observed_ratio == pytest.approx(1.0, abs=0.15)
    assert comparison.naive_throughput is not None
    (energy,) = (m for m in comparison.measures if m.measure == "energy")
    assert energy.observed_ratio is not None
    for phase in comparison.phases:
        assert phase.cells_ratio == pytest.approx(phase.client_ratio, abs=0.03), phase.phase


def test_meanings_and_settings_that_differ_are_named() -> None:
    report = compared((DENSE,), (DENSE_NEW,))
    assert any("step-tokens-computed-only" in c.text for c in report.comparisons[0].checks)
    report = compared((MOE,), (MOE_V2,))
    assert ("runner", "v1", "v2") in {
        (d.name, d.baseline, d.candidate) for d in report.comparisons[0].differences
    }


def test_windows_hold_all_that_was_done() -> None:
    windows = read_recordings((DENSE,), (DENSE_NEW,)).fleet.windows
    tokens = windows.column("decode_tokens")
    for side, generated in ((0, 509_456.0), (1, 454_701.0)):
        # the client's tokens of all phases, less each request's first
        assert float(tokens[(windows.server == side) & (tokens > 0)].sum()) == pytest.approx(
            generated, rel=0.02
        )


def test_energy_before_the_first_sample_is_unknown(tmp_path: Path) -> None:
    """A sampler that began late, or ended early: what was not metered is not 0 joules a token."""
    for name, content in read_files(Path(replicates("dense", "v1")[0])).items():
        if name == "nvml.jsonl":
            lines = content.splitlines()
            content = b"\n".join([lines[0], *lines[60:90]])
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    whole, part = (
        read_recordings((path,), (DENSE,)).fleet.windows
        for path in (replicates("dense", "v1")[0], str(tmp_path))
    )

    def joules_per_token(windows: Windows) -> float:
        own = windows.where(windows.server == 0)
        joules, tokens = own.column("joules"), own.column("metered_decode_tokens")
        return float(np.nansum(joules) / np.nansum(tokens))

    metered = part.column("metered_decode_tokens")[part.server == 0]
    decoded = part.column("decode_tokens")[part.server == 0]
    assert 0 < np.nansum(metered) < 0.5 * np.nansum(decoded)
    assert joules_per_token(part) == pytest.approx(joules_per_token(whole), rel=0.5)


@pytest.mark.parametrize(
    ("baseline", "candidate", "fault"),
    [
        ((DENSE,), (), "--candidate-recording: no run is given; name one"),
        ((), (DENSE,), "--baseline-recording: no run is given; name one"),
        ((DENSE,), (DENSE,), "--candidate-recording: .* is on the baseline's side as well"),
        ((DENSE, DENSE), (DENSE_NEW,), "--baseline-recording: .* is given twice; a run counts"),
        ((DENSE,), (MOE,), "a run of dense-8b on .*, vllm-moe.* one of moe-30b-a3b on"),
        ((DENSE, MOE), (DENSE_NEW,), "give runs of one model on one type of GPU"),
    ],
)
def test_faults(baseline: tuple[str, ...], candidate: tuple[str, ...], fault: str) -> None:
    with pytest.raises(CompareError, match=fault):
        compared(baseline, candidate)


def test_a_copy_of_a_run_is_no_other_run(tmp_path: Path) -> None:
    copy = tmp_path / "another.tar.xz"
    shutil.copy(replicates("moe", "v1")[0], copy)
    with pytest.raises(CompareError, match=r"another.tar.xz is a copy of .*v1-0"):
        compared((replicates("moe", "v1")[0], str(copy)), replicates("moe", "v2"))


def test_a_recording_that_is_not_there_is_named() -> None:
    with pytest.raises(RecordingError, match="nowhere"):
        compared((DENSE,), ("nowhere",))


def test_any_recording_will_do() -> None:
    """CPU servers without a GPU's telemetry, by path."""
    old, new = (
        str(RECORDINGS[name]) for name in ("vllm-0.19.1-basic-cpu", "vllm-0.20.2-basic-cpu")
    )
    report = compared((old,), (new,))
    assert report.verdict == "not_comparable"
    assert "energy" not in {m.measure for m in report.comparisons[0].measures}


def test_the_command_line_takes_what_a_pattern_stands_for() -> None:
    words = ["compare", "--baseline-recording", *replicates("moe", "v1")]
    first, second = replicates("moe", "v2")
    words += ["--candidate-recording", first, "--candidate-recording", second]
    result = CliRunner().invoke(app, [*words, "--json", "--gate"])
    assert result.exit_code == 2
    report = json.loads(result.stdout)
    assert report["verdict"] == "inconclusive"
    assert [run["name"] for run in report["comparisons"][0]["runs"]] == [
        re.sub(r"^vllm-|\.tar\.xz$", "", Path(path).name)
        for path in (*replicates("moe", "v1"), first, second)
    ]
