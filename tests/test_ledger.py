"""The exporter's figures against what the load clients on the GPU counted themselves."""

from collections.abc import Callable

import pytest

from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots
from tests.conftest import H200
from tests.ledger import phases
from tests.pages import values


@pytest.mark.parametrize("name", H200)
def test_tokens_equal_the_clients_and_rates_integrate_to_them(
    name: str, recording: Callable[[str], Recording]
) -> None:
    found = phases(recording(name))
    assert len(found) == 7
    for phase in found:
        assert phase.counted_generation == phase.client_generation, phase.name
        assert phase.counted_prompt == phase.client_prompt, phase.name
        assert phase.integrated_generation == pytest.approx(phase.client_generation, rel=0.005)
        assert phase.integrated_prompt == pytest.approx(phase.client_prompt, rel=0.005)


@pytest.mark.parametrize("name", H200)
def test_prefix_hits_stand_only_where_prompts_share_prefixes(
    name: str, recording: Callable[[str], Recording]
) -> None:
    for phase in phases(recording(name)):
        assert phase.hit_ratio is not None
        if phase.name == "prefix-heavy":
            # three quarters of the mean prompt were shared; each group's first prompt misses
            assert 0.735 <= phase.hit_ratio <= 0.75
            assert phase.cached_ratio == pytest.approx(phase.hit_ratio, abs=0.005)
        else:
            assert phase.hit_ratio < 0.001


def test_tokens_per_step_do_not_jump_where_the_engines_own_sum_does(
    recording: Callable[[str], Recording],
) -> None:
    old, new = ("vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0")
    ours, theirs = {}, {}
    for name in (old, new):
        one = recording(name)
        phase = next(p for p in phases(one) if p.name == "prefix-heavy")
        ours[name] = phase.tokens_per_step or 0.0
        shared = next(p for p in one.phases if p["name"] == "prefix-heavy")
        pages = [s for s in snapshots(one) if shared["start"] <= s.time <= shared["end"]]
        grown = [
            (pages[-1].total(family) or 0.0) - (pages[0].total(family) or 0.0)
            for family in ("step_tokens_total", "steps_total")
        ]
        theirs[name] = grown[0] / grown[1]
    assert theirs[old] / theirs[new] > 2.5
    assert ours[old] / ours[new] == pytest.approx(1.0, abs=0.05)


def test_abandoned_requests_are_not_taken_for_zero_aborts(
    recording: Callable[[str], Recording],
) -> None:
    text = [page.text for page in recording("vllm-0.20.2-basic-cpu").pages if page.text][-1]
    found = list(snapshots(recording("vllm-0.20.2-basic-cpu")))[-1]
    assert 'finished_reason="abort"' in text
    assert found.plan.indices("requests_aborted_total") == []
    sglang = list(snapshots(recording("sglang-0.5.23-basic-cpu")))[-1]
    assert sglang.total("requests_aborted_total") == 62


def test_under_memory_pressure_the_lookup_ratio_and_the_cached_share_part(
    recording: Callable[[str], Recording],
) -> None:
    last = list(snapshots(recording("vllm-0.20.2-preempt-cpu")))[-1]
    hits, queries = (
        last.total(f"prefix_cache_{what}_tokens_total", cache="local")
        for what in ("hit", "queried")
    )
    cached, prompt = last.total("prompt_tokens_cached_total"), last.total("prompt_tokens_total")
    assert None not in (hits, queries, cached, prompt)
    assert (hits or 0) / (queries or 1) == pytest.approx(0.095, abs=0.005)
    assert (cached or 0) / (prompt or 1) == pytest.approx(0.283, abs=0.005)
    assert last.total("preemptions_total") == 13


def test_data_parallel_engines_of_a_real_server(recording: Callable[[str], Recording]) -> None:
    for name in ("vllm-0.20.2-dp2-cpu", "vllm-0.32.0-dp2-cpu"):
        last = list(snapshots(recording(name)))[-1]
        parts = values(last, "prompt_tokens_total")
        assert set(parts) == {"engine_index=0", "engine_index=1"}
        assert last.total("prompt_tokens_total") == sum(parts.values())
        assert last.plan.engines == ("0", "1")
        assert last.largest("server_start_time_seconds") is None
