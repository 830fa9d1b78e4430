"""Labels that nobody knows: what they divide is left out, or is of one engine."""

from collections.abc import Iterable

import pytest

from tests.engine_pages import EngineState, engines, sglang_page, vllm_page
from tests.engines.split_pages import notes
from tests.pages import snapshot, values


def split_on(label: str, gauges: bool, counters: bool, values: Iterable[str] = "ab") -> str:
    states = [
        EngineState(
            {"model_name": "m", **({label: v} if gauges else {})},
            {"model_name": "m", **({label: v} if counters else {})},
        )
        for v in values
    ]
    return "".join(dict.fromkeys(vllm_page(states).splitlines(keepends=True)))


def test_an_unknown_label_on_counters_alone_may_hold_a_total() -> None:
    found = snapshot(split_on("flavour", gauges=False, counters=True))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None
    assert found.total("requests_running") is None
    assert found.total("kv_cache_usage_ratio") == 0.5
    assert "'flavour'" in notes(found.plan)
    assert "vllm:generation_tokens_total" in notes(found.plan)
    assert "generation_tokens_total" in found.plan.left_out


def test_an_unknown_label_on_gauges_alone_leaves_the_counters() -> None:
    found = snapshot(split_on("flavour", gauges=True, counters=False))
    assert found.plan.engines is None
    assert found.total("requests_running") is None
    assert found.total("kv_cache_usage_ratio") is None
    assert found.total("generation_tokens_total") == 1000
    assert "'flavour'" in notes(found.plan)


def test_an_unknown_label_on_some_counters_separates_no_engines() -> None:
    page = split_on("flavour", gauges=True, counters=True)
    page = page.replace('vllm:prompt_tokens_total{model_name="m",flavour="a"}', "gone")
    page = page.replace(
        'vllm:prompt_tokens_total{model_name="m",flavour="b"}',
        'vllm:prompt_tokens_total{model_name="m"}',
    )
    found = snapshot(page)
    assert found.plan.engines is None
    assert found.total("prompt_tokens_total") == 1000
    assert found.total("generation_tokens_total") is None


def test_an_unknown_label_with_other_values_on_gauges_separates_no_engines() -> None:
    page = split_on("flavour", gauges=True, counters=True)
    for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"):
        page = page.replace(
            f'vllm:{name}{{model_name="m",flavour="a"', f'vllm:{name}{{model_name="m",flavour="c"'
        )
    assert snapshot(page).plan.engines is None


def test_an_unknown_label_beside_a_series_without_it_is_no_engine() -> None:
    states = engines([{}, {"flavour": "a"}, {"flavour": "b"}], model_name="m")
    found = snapshot(vllm_page(states))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None


@pytest.mark.parametrize("label", ["rank", "tp_rank", "priority", "lora", "tenant"])
def test_what_divides_the_work_of_one_engine_separates_no_engines(label: str) -> None:
    found = snapshot(split_on(label, gauges=True, counters=True))
    assert found.plan.engines is None
    assert found.total("requests_running") is None
    assert f"{label!r}" in notes(found.plan)


@pytest.mark.parametrize("total", ["all", "total", "*"])
def test_an_unknown_label_one_of_whose_values_names_the_total_separates_no_engines(
    total: str,
) -> None:
    found = snapshot(split_on("flavour", gauges=True, counters=True, values=("a", "b", total)))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None


def test_an_unknown_label_that_shares_one_cache_separates_no_engines() -> None:
    kept = split_on("flavour", gauges=True, counters=True)
    lines = [line for line in kept.splitlines(keepends=True) if "kv_cache" not in line]
    page = "".join(lines) + 'vllm:kv_cache_usage_perc{model_name="m"} 0.5\n'
    found = snapshot(page)
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None
    assert found.total("kv_cache_usage_ratio") == 0.5


def test_an_unknown_label_in_another_family_costs_that_family_alone() -> None:
    page = vllm_page(engines([{}], model_name="m")).replace(
        'num_preemptions_total{model_name="m"} 0.0\n',
        'num_preemptions_total{model_name="m",cause="x"} 1.0\n'
        'vllm:num_preemptions_total{model_name="m",cause="y"} 2.0\n',
    )
    found = snapshot(page)
    assert found.plan.engines == ("",)
    assert found.total("generation_tokens_total") == 1000
    assert found.total("preemptions_total") is None
    assert "'cause'" in notes(found.plan)


def test_labels_an_operator_adds_to_requests_are_parts_of_one_engine() -> None:
    common = {"model_name": "m", "tp_rank": "0"}
    tokenizer = {"model_name": "m", "is_streaming": "true"}
    states = [
        EngineState(common, {**tokenizer, **({"tenant": t} if t else {})}) for t in ("", "a", "b")
    ]
    found = snapshot("".join(dict.fromkeys(sglang_page(states).splitlines(keepends=True))))
    assert found.plan.engines == ("",)
    assert found.plan.notes == ()
    assert found.total("prompt_tokens_total") == 3000
    assert values(found, "time_to_first_token_seconds", "_count") == {"": 300}


def test_a_label_on_some_families_of_requests_is_not_an_operators() -> None:
    common = {"model_name": "m", "tp_rank": "0"}
    page = sglang_page([EngineState(common, {"model_name": "m"})])
    plain = 'generation_tokens_total{model_name="m"} 1000.0'
    assert plain in page
    parts = "\nsglang:".join(
        f'generation_tokens_total{{model_name="m",part="{p}"}} 1.0' for p in ("all", "answer")
    )
    found = snapshot(page.replace(plain, parts))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None
    assert found.total("decode_tokens_total") == 1000
