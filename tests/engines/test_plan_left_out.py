"""What a page loses: dropped series, pages of no engine, names never heard of."""

from collections.abc import Callable

import pytest

from exporter.base.errors import NoEngineError, PageError
from exporter.replay.recording import Recording
from tests.engines.v1_page import V1
from tests.pages import snapshot, values

LONG = "tenant-support-assistant," * 200


def test_a_family_of_which_a_series_is_dropped_is_left_out() -> None:
    """What remains would pass for the whole, or for the newest."""
    lora = (
        'vllm:lora_requests_info{max_lora="4",running_lora_adapters="a"} 1000\n'
        f'vllm:lora_requests_info{{max_lora="4",running_lora_adapters="{LONG}"}} 2000\n'
    )
    found = snapshot(V1 + lora)
    assert found.total("lora_running_adapters") is None
    assert found.total("prompt_tokens_total") == 100
    assert found.plan.samples_dropped == 1
    assert any("vllm:lora_requests_info is not read: 1 of" in note for note in found.plan.notes)


@pytest.mark.parametrize("suffix", ["_bucket", "_sum", "_count"])
def test_a_histogram_of_which_a_part_is_dropped_is_left_out(suffix: str) -> None:
    name = "vllm:time_to_first_token_seconds"
    page = (
        f'{name}_bucket{{engine="0",le="+Inf"}} 2\n'
        f'{name}_sum{{engine="0"}} 1\n{name}_count{{engine="0"}} 2\n'
        f'{name}{suffix}{{engine="1",le="+Inf",tenant="{LONG}"}} 2\n'
    )
    found = snapshot(V1 + page)
    assert values(found, "time_to_first_token_seconds", "_count") == {}
    assert found.plan.left_out == {"time_to_first_token_seconds"}


def test_an_older_name_replaces_one_that_is_dropped() -> None:
    reason = 'vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 4\n'
    page = V1 + 'vllm:num_requests_waiting{engine="0"} 5\n' + reason
    page += reason.replace('reason="capacity"', f'reason="{LONG}"')
    found = snapshot(page)
    assert values(found, "requests_waiting") == {"engine_index=0": 5}
    assert found.plan.left_out == frozenset()


def test_a_page_of_dropped_series_alone_still_names_its_engine() -> None:
    found = snapshot(V1.replace('"m"', f'"{LONG}"'))
    assert found.plan.engine == "vllm"
    assert found.plan.samples == ()
    assert found.plan.samples_dropped == 2


def test_a_page_without_engine_metrics_says_so() -> None:
    with pytest.raises(NoEngineError, match="--disable-log-stats"):
        snapshot("process_start_time_seconds 1\npython_info 1\n")


def test_a_page_of_a_ray_node_without_an_engine_says_where_engines_are() -> None:
    with pytest.raises(NoEngineError, match="log_engine_metrics"):
        snapshot('ray_node_cpu_utilization{ip="10.0.0.4"} 3\nray_serve_num_replicas 2\n')


def test_engine_names_behind_an_unknown_prefix_are_shown() -> None:
    for name in ("acme_vllm:num_requests_running", "otel_sglang_num_running_reqs"):
        with pytest.raises(NoEngineError, match=f"such as {name}:"):
            snapshot(f"ray_node_cpu_utilization 3\n{name} 1\n")


def test_a_series_that_stands_twice_is_refused() -> None:
    with pytest.raises(PageError, match="without a trailing slash") as caught:
        snapshot(V1 + V1)
    assert caught.value.line == 6


def test_recorded_pages_with_doubled_series_are_refused(
    recording: Callable[[str], Recording],
) -> None:
    doubled = [
        page
        for page in recording("vllm-0.20.2-api2-cpu").variants
        if page.path == "/metrics/" and page.text
    ]
    assert doubled
    for page in doubled:
        with pytest.raises(PageError, match="stands twice"):
            snapshot(page.text or "", openmetrics="openmetrics" in page.content_type)


def test_names_never_heard_of_are_told() -> None:
    found = snapshot(V1 + "vllm:brand_new_total 1\nvllm:mm_cache_queries_total 0\n")
    assert found.plan.unknown_names == ("vllm:brand_new_total",)


def test_no_recorded_page_has_a_name_never_heard_of(every_recording: Recording) -> None:
    for page in every_recording.pages:
        if page.text:
            assert snapshot(page.text, every_recording.engine_version).plan.unknown_names == ()
