"""Names that a release does not have, or has otherwise; and names that are nobody's fault."""

import pytest
import yaml

from exporter.preflight.catalog import release_catalog
from exporter.preflight.names import name_findings
from exporter.preflight.samples import SampleNames
from exporter.preflight.sources.manifests import manifest_queries

from .queries import findings_of

CATALOG = release_catalog("vllm")

FAULTS = [
    # text, old, new, kind, subject, replacement
    (
        "avg(vllm:gpu_cache_usage_perc)",
        *("0.11.2", "0.12.0", "name-renamed"),
        *("vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"),
    ),
    (
        "rate(vllm:gpu_prefix_cache_hits_total[5m])",
        *("0.19.1", "0.20.2", "name-renamed"),
        *("vllm:gpu_prefix_cache_hits_total", "vllm:prefix_cache_hits_total"),
    ),
    (
        "rate(vllm:time_per_output_token_seconds_bucket[5m])",
        *("0.14.1", "0.15.0", "name-renamed"),
        "vllm:time_per_output_token_seconds_bucket",
        "vllm:inter_token_latency_seconds_bucket",
    ),
    (
        "rate(vllm:prompt_tokens_recomputed_total[5m])",
        *("0.19.1", "0.20.2", "name-removed", "vllm:prompt_tokens_recomputed_total", ""),
    ),
    (
        "rate(vllm:num_preemptions[5m]) > 0.1",
        *("0.19.1", "0.20.2", "name-unknown"),
        *("vllm:num_preemptions", "vllm:num_preemptions_total"),
    ),
    (
        "vllm:num_requests_swapped > 0",
        *("0.19.1", "0.20.2", "name-removed", "vllm:num_requests_swapped", ""),
    ),
    (
        "sum(vllm:num_request_running)",
        *("0.19.1", "0.20.2", "name-unknown"),
        *("vllm:num_request_running", ""),
    ),
    (
        "vllm:utterly_made_up",
        *("0.19.1", "0.20.2", "name-unknown", "vllm:utterly_made_up", ""),
    ),
    (
        "ray_vllm_num_requests_swapped",
        *("0.19.1", "0.20.2", "name-removed", "ray_vllm_num_requests_swapped", ""),
    ),
    (
        "vllm_gpu_cache_usage_perc",
        *("0.19.1", "0.20.2", "name-renamed"),
        *("vllm_gpu_cache_usage_perc", "vllm_kv_cache_usage_perc"),
    ),
    (
        'sum({__name__=~"vllm:gpu_cache_usage_perc|vllm:cpu_cache_usage_perc"})',
        *("0.19.1", "0.20.2", "name-removed"),
        *("vllm:gpu_cache_usage_perc|vllm:cpu_cache_usage_perc", ""),
    ),
]


@pytest.mark.parametrize(("text", "old", "new", "kind", "subject", "replacement"), FAULTS)
def test_a_name_that_is_gone_or_never_was_is_an_error_with_its_correction(
    text: str, old: str, new: str, kind: str, subject: str, replacement: str
) -> None:
    (finding,) = findings_of(text, old, new)
    assert (finding.kind, finding.severity) == (kind, "error")
    assert (finding.subject, finding.replacement) == (subject, replacement)
    assert finding.remedy
    assert finding.query == text


@pytest.mark.parametrize(
    "text",
    [
        "sum by (model_name) (vllm:num_requests_running)",
        "rate(vllm:iteration_tokens_total_sum[5m])",
        # for both releases
        "vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc",
        # other tools
        "vllm_router_requests_total",
        "sum(vllm_of_our_own)",
        "vllm:healthy_pods_total",
        "rate(http_requests_total[5m])",
        # rules of the operator's own
        "vllm:requests:rate5m",
        # Ray's names, with and without the suffix
        "rate(ray_vllm_request_success[5m])",
        "rate(ray_vllm:request_success[5m])",
        "rate(kserve_vllm:generation_tokens_total[5m])",
        "{__name__=~'vllm:.+'}",
        "{__name__=~'vllm:(gpu|kv)_cache_usage_perc'}",
        'label_replace(up, "x", "vllm:gpu_cache_usage_perc", "", "")',
    ],
)
def test_what_works_on_the_new_release_is_no_finding(text: str) -> None:
    assert findings_of(text, "0.19.1", "0.20.2") == []


def test_a_name_that_rules_record_is_the_operators_own() -> None:
    assert (
        findings_of("vllm:hit_ratio", "0.19.1", "0.20.2", recorded=frozenset({"vllm:hit_ratio"}))
        == []
    )
    assert findings_of("vllm:hit_ratio", "0.19.1", "0.20.2")


def test_the_remedy_says_whether_the_old_release_has_the_new_name() -> None:
    (both,) = findings_of("vllm:gpu_cache_usage_perc", "0.19.1", "0.20.2")
    assert both.remedy == "write vllm:kv_cache_usage_perc, which 0.19.1 has too"
    (only_new,) = findings_of("sglang:queue_time_s_sum", "0.5.2", "0.5.3", "sglang")
    assert only_new.replacement == "sglang:queue_time_seconds_sum"
    assert "while both releases run" in only_new.remedy


def test_a_gauge_that_became_a_histogram_is_another_type() -> None:
    (finding,) = findings_of("sglang:kv_transfer_latency_ms", "0.5.9", "0.5.10", "sglang")
    assert finding.kind == "type-changed"
    assert "sglang:kv_transfer_latency_ms_sum" in finding.remedy


def test_a_changed_meaning_is_a_warning_where_a_measure_is_forbidden_by_it() -> None:
    query = "rate(vllm:prefix_cache_hits_total[5m]) / rate(vllm:prefix_cache_queries_total[5m])"
    assert findings_of(query, "0.19.1", "0.20.2") == []
    found = findings_of(query, "0.26.0", "0.27.0")
    assert {(each.kind, each.severity) for each in found} == {("meaning-changed", "warning")}
    (steps,) = findings_of("rate(vllm:iteration_tokens_total_sum[5m])", "0.22.1", "0.23.0")
    assert steps.severity == "detail"


def test_a_name_that_resembles_one_is_asked_about_and_not_corrected() -> None:
    (finding,) = findings_of("sum(vllm:num_request_running)", "0.19.1", "0.20.2")
    assert finding.remedy == "did you mean vllm:num_requests_running?"
    (rate,) = findings_of("vllm:prefix_cache_hit_rate", "0.19.1", "0.20.2")
    assert "created" not in rate.remedy


def test_a_downgrade_is_looked_at_the_other_way() -> None:
    assert findings_of("vllm:num_requests_waiting_by_reason", "0.19.1", "0.20.2") == []
    (finding,) = findings_of("vllm:num_requests_waiting_by_reason", "0.20.2", "0.19.1")
    assert finding.kind == "name-removed"


def test_what_is_no_query_is_said_where_it_names_the_engine() -> None:
    (finding,) = findings_of("sum(vllm:num_requests_running", "0.19.1", "0.20.2")
    assert (finding.kind, finding.severity) == ("query-unreadable", "note")
    assert findings_of("sum(up", "0.19.1", "0.20.2") == []


def settings_of(text: str) -> dict[str, str]:
    queries = manifest_queries(yaml.safe_load(text), "file")
    names = SampleNames(CATALOG, "0.20.2", "0.20.2")
    found = [finding for query in queries for finding in name_findings(query, names)]
    return {each.subject: each.severity for each in found}


def test_a_name_in_a_list_of_metrics_is_the_engines() -> None:
    listed = "[vllm:kv_cache_usage_perc, 'vllm:gpu_memory_bytes', gpu_power]"
    assert settings_of(f"kept: {listed}") == {"vllm:gpu_memory_bytes": "error"}
    assert settings_of("[kept: 'vllm:gpu_memory_bytes']") == {"vllm:gpu_memory_bytes": "detail"}
    assert settings_of("kept: ['vllm:gpu_memory_bytes', x]") == {"vllm:gpu_memory_bytes": "detail"}


def test_a_setting_may_name_a_histogram_without_what_its_samples_end_with() -> None:
    assert settings_of("kept: ['vllm:request_prompt_tokens', 'vllm:num_preemptions_total']") == {}
    (finding,) = findings_of("vllm:request_prompt_tokens", "0.20.2", "0.20.2")
    assert finding.kind == "name-unknown"
    assert "vllm:request_prompt_tokens_bucket" in finding.remedy
    assert settings_of("kept: 'vllm:time_per_output_token_seconds'") == {
        "vllm:time_per_output_token_seconds": "error"
    }


def test_a_cloud_monitors_own_dashboard_and_metric_names_are_read() -> None:
    managed = "prometheus.googleapis.com"
    tile = {
        "title": "speed",
        "plots": [
            {"query": {"prometheusQuery": "rate(vllm:time_per_output_token_seconds_sum[5m])"}},
            {"filter": f'metric.type="{managed}/vllm:gpu_cache_usage_perc/gauge" resource="x"'},
            {"filter": f'metric.type="{managed}/vllm:request_prompt_tokens/histogram"'},
        ],
    }
    scaler = {"pods": {"metric": {"name": f"{managed}|vllm:num_requests_swapped|gauge"}}}
    found = settings_of(yaml.safe_dump({"tiles": [tile], "metrics": [scaler]}))
    assert found.keys() == {
        "vllm:time_per_output_token_seconds_sum",
        "vllm:gpu_cache_usage_perc",
        "vllm:num_requests_swapped",
    }
