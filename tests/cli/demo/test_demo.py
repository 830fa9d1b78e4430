"""The demonstration from its first page to the verdict, on a clock that jumps over the minute."""

import io
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest.mock import patch

import pytest
from rich.console import Console

from exporter.cli.demo.fleet import RUNNER, RecordedFleet, recorded_fleet
from exporter.cli.demo.judge import RecordedJudge
from exporter.cli.demo.run import config_of
from exporter.cli.demo.screen import introduction, screen
from exporter.cli.demo.tables import all_run
from exporter.cli.service import Service
from exporter.compare import extra
from exporter.replay.server import ReplayServer
from tests.waiting import until

DEADLINE = 120.0


@pytest.fixture(scope="module")
def fleet() -> RecordedFleet:
    return recorded_fleet()


def judge_of(fleet: RecordedFleet) -> RecordedJudge:
    return RecordedJudge(fleet.baseline, fleet.candidate, f"runner {RUNNER}")


def test_every_server_plays_a_run_of_its_own_and_half_of_them_change_the_runner(
    fleet: RecordedFleet,
) -> None:
    assert len(fleet.playlists) == len(fleet.baseline) + len(fleet.candidate)
    assert len(fleet.upgraded) == len(fleet.candidate)
    last = [playlist.recordings[-1] for playlist in fleet.playlists.values()]
    assert sorted(f"vllm-{recording.name}" for recording in last) == sorted(
        (*fleet.baseline, *fleet.candidate)
    )
    for name, playlist in fleet.playlists.items():
        runners = [recording.manifest["model_runner"] for recording in playlist.recordings]
        assert runners == (["v1", "v2"] if name in fleet.upgraded else ["v1"])
    text = introduction("http://a/", len(fleet.playlists), len(fleet.upgraded)).plain
    assert f"{len(fleet.upgraded)} of {len(fleet.playlists)}" in text


@dataclass
class _Replay:
    """A replayed fleet whose clock stands still until it is set."""

    fleet: RecordedFleet
    judge: RecordedJudge
    time: float = 0.0
    service: Service = field(init=False)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.service.url + path, timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def shown(self, width: int = 120) -> str:
        console = Console(file=io.StringIO(), width=width, emoji=False)
        console.print(screen(self.service.fleet(), self.service.url, width))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()


@pytest.fixture
def replay(fleet: RecordedFleet) -> Iterator[_Replay]:
    replay = _Replay(fleet, judge_of(fleet))
    playlists = list(fleet.playlists.values())
    with ReplayServer(playlists, uptime=7200.0, clock=lambda: replay.time) as servers:
        config = config_of(fleet, servers, "127.0.0.1:0", 0.5)
        replay.service = Service(config, lambda: config, replay.judge)
        replay.service.start()
        try:
            yield replay
        finally:
            replay.service.stop()


def _all(replay: _Replay, runner: str, names: tuple[str, ...]) -> bool:
    return all_run(replay.service.fleet(), names, runner)


def _releases(service: Service) -> list[tuple[str, int]]:
    releases = service.fleet()["releases"]
    assert isinstance(releases, list)
    return [(row["runner"], row["servers"]) for row in releases]


def test_the_upgrade_is_seen_and_ends_in_the_estimators_verdict(replay: _Replay) -> None:
    service, fleet = replay.service, replay.fleet
    everyone = tuple(fleet.playlists)
    until(lambda: _all(replay, "v1", everyone), DEADLINE)
    until(lambda: _releases(service) == [("v1", 8)], DEADLINE)
    assert service.fleet()["verdicts"] == []
    assert "The verdict will stand here" in replay.shown()
    # long after the last upgrade, so that nobody has to wait for it
    replay.time = 60.0
    until(lambda: _all(replay, RUNNER, fleet.upgraded), DEADLINE)
    until(lambda: _releases(service) == [("v1", 4), ("v2", 4)], DEADLINE)
    replay.judge.compare()
    until(lambda: service.fleet()["verdicts"], DEADLINE)
    page = json.loads(replay.get("api/v1/fleet"))
    (verdict,) = page["verdicts"]
    decode = verdict["measures"]["decode"]
    assert verdict["verdict"] == decode["verdict"] == "equivalent"
    assert verdict["servers"] == {"baseline": 4, "candidate": 4}
    assert 0.97 < decode["lower"] < decode["ratio"] < decode["upper"] < 1.03
    text = " ".join(replay.shown().split())
    for part in ("Verdict: equivalent", "What now: Roll on", f"Report: {service.url}report"):
        assert part in text
    assert " ".join(verdict["headline"].split()) in text
    assert "Time-lapse: the 8 runs are real" in text
    report = replay.get("report")
    assert "decode speed at equal load" in report
    assert report.count("<svg") >= 2
    assert "inferfleet_upgrade_verdict{" in replay.get("metrics")


def test_the_verdict_is_that_of_compare_on_the_same_runs(
    fleet: RecordedFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    from typer.testing import CliRunner

    from exporter.cli.app import app

    judge = judge_of(fleet)
    judge.compare()
    judge.stop()
    command, *arguments = judge.command.split()
    assert command == "inferfleet"
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    (expected,) = json.loads(result.stdout)["comparisons"]
    (given,) = judge.verdicts.comparisons
    assert given.headline == expected["headline"]
    assert given.measures[0].estimate is not None
    assert given.measures[0].estimate.ratio == expected["measures"][0]["estimate"]["ratio"]
    starts = [check.text for check in given.checks if check.outcome == "noted"]
    assert not any("one start" in text for text in starts)


def test_without_the_extra_the_fleet_is_shown_and_a_sentence_says_what_is_missing(
    fleet: RecordedFleet,
) -> None:
    judge = judge_of(fleet)
    with patch.object(extra, "find_spec", lambda name: None):
        judge.start()
        judge.compare()
    judge.stop()
    report = judge.report()
    assert report["verdicts"] == []
    note = str(report["verdict_note"])
    assert "comparing needs numpy" in note
    assert "pip install 'inferfleet[compare]'" in note
    assert judge.html() is None


def test_runs_that_cannot_be_compared_leave_a_sentence(fleet: RecordedFleet) -> None:
    judge = RecordedJudge(fleet.baseline, ("no-such-run",), "runner v2")
    judge.compare()
    judge.stop()
    note = str(judge.report()["verdict_note"])
    assert note.startswith("There is no verdict: no-such-run is not there")
