"""The judge: fixed looks, verdicts as metrics, and what outlives Prometheus and itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.compare.assess.comparison import Question
from exporter.compare.assess.upgrades import INTERIM_HOURS, interim_analysis, newest_upgrades
from exporter.compare.judge import Judge
from exporter.compare.options import Options
from tests.compare.fake_api import FakeApi
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
    state.write_text("{}garbage")
    assert samples(judge("http://127.0.0.1:1", state).page(), "inferfleet_upgrade_verdict") == {}
