"""Checks of a run with real engines: each fails where it should."""

import pytest

from scripts.live import history
from scripts.live.checks import Check, between, equal, equal_text, near, table
from scripts.live.exporter import Page, parse
from scripts.live.tally import Tally

_COUNTS = """
inferfleet_generation_tokens_total{{target="a",engine_index="0"}} {generated}
inferfleet_prompt_tokens_total{{target="a",engine_index="0"}} {prompt}
inferfleet_prompt_tokens_computed_total{{target="a",engine_index="0"}} {computed}
inferfleet_requests_finished_total{{target="a",engine_index="0",reason="length"}} {finished}
inferfleet_prefix_cache_queried_tokens_total{{target="a",engine_index="0",cache="local"}} {prompt}
inferfleet_prefix_cache_queried_tokens_total{{target="a",engine_index="0",cache="external"}} 0
inferfleet_prefix_cache_hit_tokens_total{{target="a",engine_index="0",cache="local"}} {hits}
"""
_RIGHT = {"generated": 500, "prompt": 3200, "computed": 896, "finished": 10, "hits": 2304}


def page(text: str, when: float = 0.0) -> Page:
    return parse(text.strip() + "\n", when)


def verdicts(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.right]


def test_figures_that_agree_and_that_do_not() -> None:
    assert equal("x", 5, 5.0).right
    assert not equal("x", 5, 5.1).right
    assert near("x", 100, 109, 0.1).right
    assert not near("x", 100, 111, 0.1).right
    assert between("x", 1, 2, 2).right
    assert not between("x", 1, 2, 2.1).right
    assert equal_text("x", "v1", "v1").right


@pytest.mark.parametrize(
    "check",
    [
        equal("x", 0, None),
        near("x", 0, None, 1),
        between("x", 0, 9, None),
        equal_text("x", "", None),
    ],
)
def test_what_the_exporter_does_not_know_is_never_right(check: Check) -> None:
    assert not check.right
    assert check.exporter == "unknown"


def test_the_table_shows_both_figures_and_what_is_wrong() -> None:
    lines = table([equal("tokens", 12345, 12345), equal("restarts", 1, 0)]).splitlines()
    assert [line.split() for line in lines] == [
        ["check", "client", "exporter", "verdict"],
        ["tokens", "12,345", "12,345", "ok"],
        ["restarts", "1", "0", "WRONG"],
    ]


def test_a_tally_is_held_against_every_counter() -> None:
    tally = Tally(1, "m", False, finished=10, prompt_tokens=3200, generated=500)
    assert verdicts(tally.counts("a", page(_COUNTS.format(**_RIGHT)))) == []


@pytest.mark.parametrize("wrong", _RIGHT)
def test_a_counter_that_is_off_by_one_is_wrong(wrong: str) -> None:
    tally = Tally(1, "m", False, finished=10, prompt_tokens=3200, generated=500)
    counts = {**_RIGHT, wrong: _RIGHT[wrong] + 1}
    assert verdicts(tally.counts("a", page(_COUNTS.format(**counts))))
    assert len(verdicts(tally.counts("a", page("")))) == 6


def test_tokens_of_aborted_requests_are_bounded() -> None:
    tally = Tally(
        1, "m", False, finished=9, aborted=1, prompt_tokens=3200, generated=500, received=5
    )
    counts = {**_RIGHT, "finished": 9}
    for generated, right in ((504, False), (505, True), (505 + 2400, False)):
        text = _COUNTS.format(**{**counts, "generated": generated})
        assert (verdicts(tally.counts("a", page(text))) == []) is right, generated


def test_an_engine_may_count_aborted_requests_among_the_finished() -> None:
    counts = page(_COUNTS.format(**_RIGHT))
    among, apart = (
        Tally(1, "m", counted, finished=9, aborted=1, prompt_tokens=3200, generated=500)
        for counted in (True, False)
    )
    assert verdicts(among.counts("a", counts)) == []
    assert verdicts(apart.counts("a", counts)) == ["a: requests finished"]


def test_a_page_is_read_by_labels() -> None:
    found = page('inferfleet_gpus{target="a",source="x"} 2\ninferfleet_gpus{target="b"} 3')
    assert found.total("gpus") == 5
    assert found.total("gpus", target="a") == 2
    assert found.total("gpus", target="c") is None
    assert found.label("gpus", "source", target="a") == "x"
    assert found.label("gpus", "source") is None


def load(seconds: float, when: float, extra: str = "") -> Page:
    series = f'inferfleet_load_seconds_total{{target="a",batch="8"}} {seconds}'
    return page(
        f"{series}\ninferfleet_decode_batch_size 8\ninferfleet_batch_occupancy_ratio 0.5\n{extra}",
        when,
    )


def test_a_counter_that_is_away_while_its_server_is_down_has_not_fallen() -> None:
    pages = [load(5, 1), page("", 2), load(4, 3), load(6, 4)]
    assert verdicts(history.checks("a", pages, 8, 16)) == []


def test_a_counter_that_begins_anew_counts_on_and_what_went_away_stays_counted() -> None:
    other = page('inferfleet_load_seconds_total{target="a",batch="4"} 7')
    lives = [load(5, 1), other, load(6, 3), page("", 4), load(2, 5)]
    assert history.increase(lives, "load_seconds_total") == 6 + 7 + 2


@pytest.mark.parametrize(
    ("pages", "wrong"),
    [
        ([load(5, 1), load(4, 2)], "a: falls of the exporter's own counters"),
        ([load(5, 1, "inferfleet_x -1")], "a: samples below zero on 1 pages"),
        ([page("inferfleet_decode_batch_size 11")], "a: largest decode batch on any page"),
        ([page("inferfleet_batch_occupancy_ratio 0.9")], "a: largest occupancy on any page"),
    ],
)
def test_what_no_page_may_show(pages: list[Page], wrong: str) -> None:
    assert wrong in verdicts(history.checks("a", [*pages], 8, 16))
