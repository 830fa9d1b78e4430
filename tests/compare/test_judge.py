"""The judge: fixed looks, verdicts as metrics, and what outlives Prometheus and itself."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.base.errors import CompareError
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.upgrades import INTERIM_HOURS, interim_analysis, newest_upgrades
from exporter.compare.judge import Judge
from exporter.compare.options import Options
from tests.compare.fake_api import FakeApi, success
from tests.full_disk import full_disk
from tests.sim.comparison import NEW, OLD, START, simulate_comparison

FLEET = simulate_comparison(5, -0.10, servers=4, before=8, after=5)
END = START + 5 * 3600.0
QUESTION = Question((), (), detail=False, margin=0.03, warm_up=3600.0)


def samples(page: str, name: str) -> dict[str, float]:
    return {
        ",".join(
            sample.labels.get(key, "") for key in ("measure", "bound", "verdict")
        ): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    }


def judge(
    url: str, state: Path | None = None, now: float = END, sides: tuple[str, str] = ("", "")
) -> Judge:
    options = Options(*sides, prometheus=url, window=13 * 3600.0, margin=0.03, warm_up=3600.0)
    return Judge(options, state, lambda: now)


def test_upgrades_are_found_and_judged_at_looks_only() -> None:
    upgrades = newest_upgrades(FLEET, QUESTION)
    assert len(upgrades) == 1
    assert upgrades[0].question.baseline[0].value == OLD
    assert upgrades[0].question.candidate[0].value == NEW
    start = upgrades[0].start
    assert abs(start - START) < 600
    assert interim_analysis(FLEET, upgrades[0], start + 3600 * 2.9) is None
    two = interim_analysis(FLEET, upgrades[0], start + 3600 * 3.1)
    later = interim_analysis(FLEET, upgrades[0], start + 3600 * 4.9)
    assert two is not None
    assert later is not None
    # between two looks nothing new is seen
    assert len(two[0].windows) == len(later[0].windows) < len(FLEET.windows)
    assert two[1].alpha == pytest.approx(0.05 / len(INTERIM_HOURS))


def test_a_fleet_of_one_release_has_no_upgrade() -> None:
    old = FLEET.windows.of_servers([s.release == OLD for s in FLEET.windows.servers])
    assert newest_upgrades(replace(FLEET, windows=old), QUESTION) == ()


@pytest.mark.parametrize("named", [True, False])
def test_verdicts_are_published(named: bool) -> None:
    sides = (f'version="{OLD}"', f'version="{NEW}"') if named else ("", "")
    with FakeApi(FLEET) as fake:
        judging = judge(fake.url, sides=sides)
        assert judging.run()
    page = judging.page()
    verdicts = samples(page, "inferfleet_upgrade_verdict")
    assert verdicts["decode,,regression"] == 1
    assert verdicts["decode,,equivalent"] == 0
    effects = samples(page, "inferfleet_upgrade_effect_ratio")
    assert effects["decode,lower,"] < effects["decode,estimate,"] < effects["decode,upper,"] < 1
    labels = f'baseline="{OLD}"'
    assert labels in page
    assert f'release="{NEW}"' in page
    assert samples(page, "inferfleet_judge_last_success_timestamp_seconds") == {",,": END}


def test_a_full_disk_leaves_the_old_state(tmp_path: Path) -> None:
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake:
        judge(fake.url, state).run()
        old = state.read_bytes()
        later = judge(fake.url, state, END + 900)
        with full_disk(100):
            assert later.run()
    assert state.read_bytes() == old
    assert list(tmp_path.iterdir()) == [state]
    assert samples(later.page(), "inferfleet_upgrade_verdict")["decode,,regression"] == 1


def test_a_lost_prometheus_and_a_restart_leave_the_verdicts(tmp_path: Path) -> None:
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake:
        first = judge(fake.url, state)
        assert first.run()
        fake.fault = lambda n, path: (400, "gone")
        assert not first.run()
    verdicts = samples(first.page(), "inferfleet_upgrade_verdict")
    assert verdicts["decode,,regression"] == 1
    assert samples(first.page(), "inferfleet_judge_failures_total") == {",,": 1}
    again = judge("http://127.0.0.1:1", state, END + 900)
    assert samples(again.page(), "inferfleet_upgrade_verdict") == verdicts
    assert samples(again.page(), "inferfleet_judge_last_success_timestamp_seconds") == {",,": END}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}garbage",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"succeeded_at": NaN}',
        b'{"succeeded_at": 1e400}',
        b'{"succeeded_at": -1}',
        b'{"comparisons": [{}]}',
        b'{"comparisons": {"a": 1}}',
    ],
)
def test_a_state_that_is_none_is_begun_anew(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "verdicts.json"
    state.write_bytes(content)
    page = judge("http://127.0.0.1:1", state).page()
    assert samples(page, "inferfleet_upgrade_verdict") == {}
    assert samples(page, "inferfleet_judge_last_success_timestamp_seconds") == {}
    (record,) = caplog.records
    assert record.getMessage().endswith("is damaged or of another release, and is begun anew")


@pytest.mark.parametrize("name", ["engine", "verdict", "a b", 'a"'])
def test_a_label_that_cannot_stand_beside_a_verdicts_is_refused(name: str, tmp_path: Path) -> None:
    options = Options(
        prometheus="http://127.0.0.1:1", keep_labels=(name,), margin=0.03, warm_up=3600.0
    )
    with pytest.raises(CompareError, match="--keep-label: "):
        Judge(options)
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake:
        judge(fake.url, state).run()
    document = json.loads(state.read_text())
    document["comparisons"][0]["external_labels"] = {name: "x"}
    state.write_text(json.dumps(document))
    page = judge("http://127.0.0.1:1", state).page()
    assert samples(page, "inferfleet_upgrade_verdict") == {}


GARBAGE: dict[str, tuple[int, str | bytes]] = {
    "a web page": (200, "<html>log in</html>"),
    "no data": (200, '{"status": "success"}'),
    "no text": (200, b"\xff\xfe\x00"),
    "half an answer": (200, '{"status": "success", "data": [{"tar'),
    "labels of another shape": (200, success([{"target": 1}])),
    "an error": (422, '{"status": "error", "error": "odd"}'),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_hours_of_garbage_leave_the_verdicts_and_their_age(
    answer: tuple[int, str | bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [END]
    options = Options(prometheus="", window=13 * 3600.0, margin=0.03, warm_up=3600.0)
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake:
        judging = Judge(replace(options, prometheus=fake.url), state, lambda: clock[0])
        assert judging.run()
        verdicts = samples(judging.page(), "inferfleet_upgrade_verdict")
        kept = state.read_bytes()
        fake.fault = lambda n, path: answer
        for _ in range(24):
            clock[0] += 900
            assert not judging.run()
    assert verdicts["decode,,regression"] == 1
    page = judging.page()
    assert samples(page, "inferfleet_upgrade_verdict") == verdicts
    assert samples(page, "inferfleet_judge_last_success_timestamp_seconds") == {",,": END}
    assert samples(page, "inferfleet_judge_failures_total") == {",,": 24}
    assert state.read_bytes() == kept
    assert all(record.exc_info is None for record in caplog.records)
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_a_state_with_a_range_without_an_end_outlives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake:
        judging = judge(fake.url, state)
        judging.run()
    document = json.loads(state.read_text())
    measure = document["comparisons"][0]["measures"][0]
    last = {"low": 64, "high": None, "verdict": "inconclusive", "estimate": None, "token_share": 1}
    measure["ranges"] = [*measure["ranges"], last]
    state.write_text(json.dumps(document))
    assert judge(fake.url, state).page() == judging.page()


def test_a_clock_that_goes_back_makes_no_verdict_look_fresh(tmp_path: Path) -> None:
    state = tmp_path / "verdicts.json"
    with FakeApi(FLEET) as fake:
        assert judge(fake.url, state, END + 7200).run()
        earlier = judge(fake.url, state, END)
        fake.fault = lambda n, path: (400, "gone")
        assert not earlier.run()
    page = earlier.page()
    assert samples(page, "inferfleet_judge_last_success_timestamp_seconds") == {",,": END}
    assert samples(page, "inferfleet_upgrade_verdict")["decode,,regression"] == 1
