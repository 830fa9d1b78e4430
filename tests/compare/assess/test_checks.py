"""What is checked of the servers: identity, settings, and what their numbers mean."""

import pytest

from exporter.compare.assess.checks import (
    check_context,
    check_meanings,
    check_settings,
    differences,
)
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


def capacity(tokens: float | None) -> list[ServerFacts]:
    return [ServerFacts(limits={"kv_cache_capacity_tokens": tokens} if tokens else {})]


@pytest.mark.parametrize(
    ("versions", "capacities", "known"),
    [
        (("0.20.2", "0.26.0"), (838_640, 839_648), True),
        (("0.20.2", "0.26.0"), (500_000, 600_000), True),
        (("0.20.2", "0.26.0"), (500_000, 601_000), False),
        (("0.26.0", "0.20.2"), (1_800_000, 36_000), False),
        (("0.20.2", "0.26.0"), (None, 839_648), False),
        (("0.20.2", "0.26.0"), (None, None), False),
        (("0.26.0", "0.27.0"), (900_000, 450_000), False),
        (("0.24.0", "0.26.0"), (900_000, 450_000), True),
        (("0.20.2", "0.22.1"), (900_000, None), True),
    ],
)
def test_context_needs_one_capacity_where_releases_determine_it_differently(
    versions: tuple[str, str],
    capacities: tuple[float | None, float | None],
    known: bool,
) -> None:
    old, new = versions
    facts = capacity(capacities[0]), capacity(capacities[1])
    check = check_context((["vllm"], ["vllm"]), ([old], [new]), facts)
    assert (check is None) == known
    if check:
        assert (check.name, check.outcome) == ("covariates", "noted")
        assert "context is not known" in check.text
        assert "kv_cache_capacity_tokens" in check.remedy


def test_the_capacity_of_a_side_is_its_servers_median() -> None:
    side = capacity(500_000) * 2 + capacity(9_000_000) + capacity(None)
    facts = side, capacity(500_000)
    assert check_context((["vllm"], ["vllm"]), (["0.20.2"], ["0.26.0"]), facts) is None


def test_context_of_two_engines_is_not_a_matter_of_releases() -> None:
    facts = capacity(500_000), capacity(900_000)
    assert check_context((["vllm"], ["sglang"]), (["0.20.2"], ["0.5.9"]), facts) is None


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
