"""The judge: fixed looks, verdicts as metrics, and what outlives Prometheus and itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.base.errors import CompareError
from exporter.compare.assess.comparison import Question
from exporter.compare.assess.upgrades import newest_upgrades
from exporter.compare.fleet.windows import Fleet
from exporter.compare.interim import analyse_upgrades
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


def test_upgrades_are_found() -> None:
    upgrades = newest_upgrades(FLEET, QUESTION)
    assert len(upgrades) == 1
    assert upgrades[0].question.baseline[0].value == OLD
    assert upgrades[0].question.candidate[0].value == NEW
    assert abs(upgrades[0].start - START) < 600


def until(fleet: Fleet, end: float) -> Fleet:
    windows = fleet.windows
    return replace(fleet, windows=windows.where(windows.time + windows.width <= end), end=end)


def test_an_analysis_shares_the_level_with_all_others() -> None:
    (early,) = analyse_upgrades(until(FLEET, START + 3600), QUESTION, START + 3600)
    (late,) = analyse_upgrades(FLEET, QUESTION, END)
    assert early.alpha < late.alpha < 0.05


def test_a_decided_verdict_stays_with_the_time_it_was_decided() -> None:
    (first,) = analyse_upgrades(until(FLEET, START + 900), QUESTION, START + 900)
    assert (first.verdict, first.decided_at) == ("not_comparable", None)
    (decided,) = analyse_upgrades(FLEET, QUESTION, END, [first])
    assert (decided.verdict, decided.decided_at) == ("regression", END)
    # other data refresh the estimate, and not the verdict
    (later,) = analyse_upgrades(until(FLEET, END - 1800), QUESTION, END + 300, [decided])
    assert (later.verdict, later.decided_at) == ("regression", END)
    assert later.measures[0].verdict == "regression"
    assert later.measures[0].estimate != decided.measures[0].estimate
    # nor do data that have gone, as after a rollback
    (gone,) = analyse_upgrades(until(FLEET, START + 900), QUESTION, END + 300, [decided])
    assert gone == decided
    (gone,) = analyse_upgrades(until(FLEET, START + 900), QUESTION, END - 7200, [decided])
    assert gone == decided.model_copy(update={"decided_at": END - 7200})
    # a clock that went back makes no decision lie ahead
    (back,) = analyse_upgrades(FLEET, QUESTION, END - 7200, [decided])
    assert (back.verdict, back.decided_at) == ("regression", END - 7200)


def test_a_regression_found_later_takes_the_place_of_another_verdict() -> None:
    (decided,) = analyse_upgrades(FLEET, QUESTION, END)
    equal = decided.model_copy(update={"verdict": "equivalent", "decided_at": END - 3600})
    (later,) = analyse_upgrades(FLEET, QUESTION, END, [equal])
    assert (later.verdict, later.decided_at) == ("regression", END)


def test_a_measure_that_regresses_later_does_not_keep_what_was_decided_of_it() -> None:
    (decided,) = analyse_upgrades(FLEET, QUESTION, END)
    assert decided.verdict == "regression"
    prefill = decided.measures[1]
    assert (prefill.measure, prefill.verdict) == ("prefill", "regression")
    measures = decided.measures[0], prefill.model_copy(update={"verdict": "equivalent"})
    (later,) = analyse_upgrades(
        FLEET, QUESTION, END, [decided.model_copy(update={"measures": measures})]
    )
    assert later.decided_at == END
    assert later.measures[1].verdict == "regression"


def test_a_release_that_hardly_decodes_shares_the_level_too() -> None:
    windows = FLEET.windows
    few = {"decode_tokens", "metered_decode_tokens"}
    sums = {
        name: np.minimum(values, 1.0) if name in few else values
        for name, values in windows.sums.items()
    }
    fleet = replace(FLEET, windows=replace(windows, sums=sums))
    (comparison,) = analyse_upgrades(fleet, QUESTION, END)
    assert comparison.measures[0].estimate is None
    prefill = next(each for each in comparison.measures if each.measure == "prefill")
    assert prefill.estimate
    assert comparison.alpha < 0.02


def without(fleet: Fleet, begin: float, end: float, release: str = "") -> Fleet:
    """Return a fleet in which nobody was seen, or no server of a release, in some hours."""
    windows = fleet.windows
    gone = np.array([release in ("", server.release) for server in windows.servers])
    hours = (windows.time - START) / 3600.0
    kept = ~(gone[windows.server] & (hours >= begin) & (hours < end))
    return replace(fleet, windows=windows.where(kept), lookups=None)


@pytest.mark.parametrize(
    ("release", "again"), [("", False), (OLD, False), (NEW, True)], ids=["all", "other", "own"]
)
def test_hours_in_which_nobody_was_seen_are_no_rollback(release: str, again: bool) -> None:
    (upgrade,) = newest_upgrades(without(FLEET, 2.0, 3.5, release), QUESTION)
    assert (upgrade.start >= START + 3.5 * 3600) == again


def test_windows_of_hours_are_no_gaps() -> None:
    windows = FLEET.windows
    coarse = np.floor(windows.time / 7200.0) * 7200.0
    fleet = replace(FLEET, windows=replace(windows, time=coarse, width=7200.0))
    (upgrade,) = newest_upgrades(fleet, QUESTION)
    assert upgrade.start <= START


def test_another_upgrade_and_one_that_came_again_start_anew() -> None:
    (decided,) = analyse_upgrades(FLEET, QUESTION, END)
    other = decided.model_copy(update={"server_class": "other"})
    early = until(FLEET, START + 900)
    (fresh,) = analyse_upgrades(early, QUESTION, START + 900, [other])
    assert fresh.decided_at is None
    before = decided.model_copy(update={"decided_at": START - 86_400})
    (again,) = analyse_upgrades(early, QUESTION, START + 900, [before])
    assert (again.verdict, again.decided_at) == ("not_comparable", None)


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
