"""What is checked of the servers: identity, settings, and what their numbers mean."""

import pytest

from exporter.compare.assess.checks import check_meanings, check_settings, differences
from exporter.compare.fleet.windows import ServerFacts
from exporter.engines.catalog import engine_catalog
from exporter.engines.registry import ENGINES
from exporter.vocabulary.verdict import MEASURES


def test_a_meaning_change_forbids_the_measures_it_bears_on() -> None:
    check, forbidden = check_meanings((["sglang"], ["sglang"]), (["0.5.6"], ["0.5.7"]))
    assert check.outcome == "corrected"
    assert set(forbidden) >= {"decode", "prefill", "inter_token_latency", "hit_ratio"}
    assert all("changed their meaning with 0.5.7" in reason for reason in forbidden.values())
    assert "not compared: decode, hit_ratio, inter_token_latency, prefill" in check.text


def test_every_meaning_change_forbids_the_measures_its_catalog_names() -> None:
    for engine in ENGINES:
        for change in engine_catalog(engine).meanings:
            before = f"{change.at}.dev0"
            _, forbidden = check_meanings(
                ((engine,), (engine,)), ((before,), (str(change.at),)), change.roles
            )
            assert set(change.forbids) <= set(forbidden) <= set(MEASURES), change.name


@pytest.mark.parametrize(
    ("roles", "forbidden"),
    [(("decode",), {"prefill"}), (("both",), set()), (("prefill",), set()), ((), set())],
)
def test_a_change_for_decode_servers_forbids_nothing_of_others(
    roles: tuple[str, ...], forbidden: set[str]
) -> None:
    versions = (["0.30.0"], ["0.31.0"])
    assert set(check_meanings((["vllm"], ["vllm"]), versions, roles)[1]) == forbidden


def test_versions_of_one_meaning_forbid_nothing() -> None:
    check, forbidden = check_meanings((["sglang"], ["sglang"]), (["0.5.8"], ["0.5.9"]))
    assert check.outcome == "passed"
    assert forbidden == {}


def test_two_engines_are_not_compared_in_what_they_count_differently() -> None:
    check, forbidden = check_meanings((["vllm"], ["sglang"]), (["0.20.2"], ["0.5.9"]))
    assert check.outcome == "corrected"
    assert set(forbidden) == {"hit_ratio", "speculation"}


@pytest.mark.parametrize(("candidate", "outcome"), [("v1", "passed"), ("v2", "noted")])
def test_settings_that_differ_are_named(candidate: str, outcome: str) -> None:
    old, new = ServerFacts({"runner": "v1"}), ServerFacts({"runner": candidate})
    differing = differences([old], [new])
    check = check_settings(differing)
    assert check.outcome == outcome
    assert [difference.name for difference in differing] == ["runner"] * (outcome == "noted")


def test_a_cache_that_moves_a_little_is_no_difference() -> None:
    old = ServerFacts(limits={"kv_cache_capacity_tokens": 838_640.0})
    new = ServerFacts(limits={"kv_cache_capacity_tokens": 838_912.0})
    assert differences([old], [new]) == ()
