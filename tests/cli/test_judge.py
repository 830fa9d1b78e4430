"""Upgrades judged beside the sampling: what is published, and what no run can do to it."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL
from time import time
from typing import Any

import pytest

from exporter.base.errors import ConfigError
from exporter.cli.judge.process import JudgeProcess
from exporter.cli.service import Service
from exporter.compare import extra
from exporter.compare.fleet.windows import Fleet
from exporter.config import Config, JudgeSettings, ShardSettings, Target, WebSettings, parse_config
from tests.compare.fake_api import FakeApi
from tests.pages import value_of
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.waiting import until

HOURS_AFTER = 5.0
PATIENCE = 60.0
NOBODY = "http://127.0.0.1:1"
NO_TARGET = Target(url=NOBODY)


def recent() -> Fleet:
    """Return a fleet that was upgraded some hours ago."""
    fleet = simulate_comparison(5, -0.10, servers=4, before=8, after=HOURS_AFTER)
    width, lookups = fleet.windows.width, fleet.lookups
    assert lookups
    by = round((time() - 3600.0 * HOURS_AFTER - START) / width) * width
    return replace(
        fleet,
        windows=replace(fleet.windows, time=fleet.windows.time + by),
        facts=tuple(
            replace(each, starts=tuple(start + by for start in each.starts)) for each in fleet.facts
        ),
        lookups=replace(lookups, time=lookups.time + by),
    )


FLEET = recent()


def settings(url: str, **more: Any) -> JudgeSettings:
    return JudgeSettings(prometheus=url, window=14 * 3600.0, **more)


def failures(judge: JudgeProcess) -> float:
    return value_of(judge.page().decode(), "inferfleet_judge_failures_total") or 0.0


def verdicts(judge: JudgeProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = judge.report()["verdicts"]
    return found


def hang(fake: FakeApi) -> list[str]:
    """Have an API answer nothing until it is released; return the paths asked from here on."""
    asked = list[str]()

    def fault(number: int, path: str) -> None:
        asked.append(path)
        fake.released.wait(PATIENCE)

    fake.fault = fault
    return asked


@contextmanager
def judging(settings: JudgeSettings) -> Iterator[JudgeProcess]:
    judge = JudgeProcess(settings)
    judge.start()
    try:
        yield judge
    finally:
        judge.stop()


def test_verdicts_stay_when_prometheus_is_lost_and_outlive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake, judging(settings(fake.url, every=0.05, state=state)) as judge:
        until(lambda: bool(verdicts(judge)), PATIENCE, 0.05)
        fake.fault = lambda number, path: (400, "gone")
        until(lambda: failures(judge) > 0, PATIENCE, 0.05)
        page = judge.page().decode()
    pair = {"release": NEW, "baseline": OLD, "measure": "decode"}
    assert value_of(page, "inferfleet_upgrade_verdict", verdict="regression", **pair) == 1
    assert value_of(page, "inferfleet_judge_last_success_timestamp_seconds") or START < 0.0
    with judging(settings(NOBODY, state=state)) as again:
        until(lambda: failures(again) > 0, PATIENCE, 0.05)
        ((kept,),) = (verdicts(again),)
    assert (kept["baseline"], kept["release"], kept["verdict"]) == (OLD, NEW, "regression")
    assert kept["measures"]["decode"]["upper"] < 1


def test_what_was_decided_stays_from_run_to_run_without_a_file() -> None:
    with FakeApi(FLEET) as fake, judging(settings(fake.url, every=0.05)) as judge:
        until(lambda: bool(verdicts(judge)), PATIENCE, 0.05)
        first = judge._verdicts
        until(lambda: judge._verdicts is not first, PATIENCE, 0.05)
        later = judge._verdicts
    assert later.succeeded_at > first.succeeded_at
    assert first.comparisons[0].decided_at is not None
    assert later.comparisons[0].decided_at == first.comparisons[0].decided_at


def test_a_run_without_memory_is_a_failure_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with judging(settings(NOBODY, memory=16 << 20)) as judge:
        until(lambda: failures(judge) > 0, PATIENCE, 0.05)
        assert verdicts(judge) == []
    assert (
        value_of(judge.page().decode(), "inferfleet_judge_last_success_timestamp_seconds") is None
    )
    assert "judge" in caplog.text


def test_a_run_that_is_killed_is_a_failure_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with FakeApi(FLEET) as fake:
        asked = hang(fake)
        with judging(settings(fake.url, every=3600.0)) as judge:
            until(lambda: bool(asked), PATIENCE, 0.05)
            assert judge._process is not None
            os.kill(judge._process.pid, SIGKILL)
            until(lambda: failures(judge) > 0, PATIENCE, 0.05)
            fake.released.set()
    assert "the judge's process failed: killed by SIGKILL" in caplog.text


def test_a_run_that_lasts_ends_with_the_judge() -> None:
    with FakeApi(FLEET) as fake:
        asked = hang(fake)
        with judging(settings(fake.url)) as judge:
            until(lambda: bool(asked), PATIENCE, 0.05)
        judge._thread.join(PATIENCE)
        fake.released.set()
        assert not judge._thread.is_alive()
    assert failures(judge) == 0


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body.decode()


def test_serve_publishes_the_verdicts_on_its_own_pages() -> None:
    with FakeApi(FLEET) as fake:
        config = Config(
            targets=[NO_TARGET],
            web=WebSettings(listen="127.0.0.1:0"),
            judge=settings(fake.url, every=3600.0),
        )
        read = [config]
        service = Service(config, lambda: read[-1])
        service.start()
        try:
            api = f"{service.url}api/v1/fleet"
            until(lambda: bool(json.loads(get(api))["verdicts"]), PATIENCE, 0.1)
            page = get(f"{service.url}metrics")
            # what no longer differs goes on; other settings begin with the verdicts there are
            read.append(config.model_copy(update={"judge": settings(NOBODY)}))
            service.request_reload().result(PATIENCE)
            assert json.loads(get(api))["verdicts"]
            read.append(config.model_copy(update={"judge": None}))
            service.request_reload().result(PATIENCE)
            # pages are kept for a moment
            until(lambda: json.loads(get(api))["verdicts"] is None, PATIENCE, 0.1)
            metrics = f"{service.url}metrics"
            until(lambda: "inferfleet_upgrade_verdict" not in get(metrics), PATIENCE, 0.1)
        finally:
            service.stop()
    assert value_of(page, "inferfleet_upgrade_verdict", release=NEW, verdict="regression") == 1


def test_of_several_shards_the_first_judges() -> None:
    for index, judges in ((0, True), (1, False)):
        config = Config(
            targets=[NO_TARGET],
            shard=ShardSettings(index=index, total=2),
            web=WebSettings(listen="127.0.0.1:0"),
            judge=settings(NOBODY),
        )
        service = Service(config, Config)
        service.start()
        report = service.fleet()
        service.stop()
        assert (report["verdicts"] is not None) is judges


def test_without_numpy_serve_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        extra, "find_spec", lambda name: None if name == "numpy" else find_spec(name)
    )
    config = Config(
        targets=[NO_TARGET], web=WebSettings(listen="127.0.0.1:0"), judge=settings(NOBODY)
    )
    with pytest.raises(ConfigError, match=r"^judge: comparing needs numpy: run pip install"):
        Service(config, lambda: config)


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({}, r"judge\.prometheus: "),
        ({"prometheus": "prom:9090"}, "is no address of a Prometheus; write http://HOST:9090"),
        ({"prometheus": NOBODY, "evry": "5m"}, "did you mean every?"),
        ({"prometheus": NOBODY, "headers": {"a b": "c"}}, "judge.headers"),
        ({"prometheus": NOBODY, "keep_labels": ["a-b"]}, "judge.keep_labels"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(section: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse_config({"targets": [{"url": NOBODY}], "judge": section}, "FILE")
