"""Recorded figures: their values and labels, worked out by hand, on the real promtool."""

from pathlib import Path
from typing import Any

import pytest

from alerts import build
from alerts.model import Alert
from alerts.promql import RECORDED
from alerts.values import load

from . import promtool

RELEASE = 'engine="vllm", release="0.26.0", model="m", gpu_model="H200", class="c1"'
OLD = RELEASE.replace("0.26.0", "0.20.2")
INFO = 'engine="vllm",model="m",gpu_model="H200",class="c1",config="k"'


def check(
    tmp_path: Path, given: dict[str, str], expected: dict[str, list[tuple[str, float]]], at: str
) -> None:
    """Compare recorded series at a time: record -> [(labels, value)]."""
    values = promtool.values()
    expressions = [
        {
            # promtool compares floats bit by bit
            "expr": f"round({name}, 0.000001)",
            "eval_time": at,
            "exp_samples": [
                {"labels": f"{{{labels}}}", "value": value} for labels, value in samples
            ],
        }
        for name, samples in expected.items()
    ]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in given.items()],
        "promql_expr_test": expressions,
    }
    promtool.run(
        tmp_path, promtool.needed(values, set(RECORDED.findall(" ".join(expected)))), [test]
    )


def fleet(instance: str = "x") -> dict[str, str]:
    """A server of the old release on one GPU, and one of the new on four, both two engines."""
    shown: dict[str, str] = {}
    for target, release, gpus, tokens in (("a", "0.20.2", 1, 600), ("b", "0.26.0", 4, 6000)):
        at = f'target="{target}",instance="{instance}"'
        shown |= {
            f'inferfleet_server_info{{{at},release="{release}",{INFO}}}': "1x60",
            f'inferfleet_gpus{{{at},source="layout"}}': f"{gpus}x60",
            f'inferfleet_max_running_requests{{{at},source="flag"}}': "8x60",
        }
        for rank in "01":
            one = f'{at},engine_index="{rank}",model="m"'
            shown |= {
                f"inferfleet_generation_tokens_total{{{one}}}": f"0+{tokens // 2}x60",
                f"inferfleet_requests_running{{{one}}}": "2x60" if target == "a" else "8x60",
                f"inferfleet_time_to_first_token_seconds_sum{{{one}}}": "0+15x60",
                f"inferfleet_time_to_first_token_seconds_count{{{one}}}": f"0+{30 * gpus}x60",
                f'inferfleet_time_to_first_token_seconds_bucket{{{one},le="1.0"}}': "0+15x60",
                f'inferfleet_prefix_cache_hit_tokens_total{{{one},cache="local"}}': "0+100x60",
                f'inferfleet_prefix_cache_queried_tokens_total{{{one},cache="local"}}': (
                    f"0+{400 * gpus}x60"
                ),
            }
    return shown


EXPECTED: dict[str, list[tuple[str, float]]] = {
    "target:inferfleet_generation_tokens_per_gpu:rate5m": [('target="a"', 10), ('target="b"', 25)],
    "release:inferfleet_generation_tokens_per_gpu:rate5m": [(OLD, 10), (RELEASE, 25)],
    # (10 + 100) tokens/s over 5 GPUs; the mean of the two ratios would be 17.5
    "model:inferfleet_generation_tokens_per_gpu:rate5m": [('model="m"', 22)],
    "fleet:inferfleet_generation_tokens_per_gpu:rate5m": [("", 22)],
    "target:inferfleet_batch_occupancy:ratio": [('target="a"', 0.25), ('target="b"', 1)],
    "fleet:inferfleet_batch_occupancy:ratio": [("", 0.625)],
    "model:inferfleet_prefix_cache_hit:ratio_rate5m": [('model="m", cache="local"', 0.1)],
    "target:inferfleet_time_to_first_token_seconds:mean5m": [
        ('target="a"', 0.5),
        ('target="b"', 0.125),
    ],
    "fleet:inferfleet_time_to_first_token_seconds:mean5m": [("", 0.2)],
    "fleet:inferfleet_time_to_first_token_slo:ratio_rate5m": [("", 0.2)],
    "release:inferfleet_servers:count": [(OLD, 1), (RELEASE, 1)],
    "fleet:inferfleet_servers:count": [("", 2)],
}


@promtool.needs_promtool
def test_ratios_are_of_sums(tmp_path: Path) -> None:
    check(tmp_path, fleet(), EXPECTED, "30m")


@promtool.needs_promtool
def test_a_tail_is_of_one_release_and_absent_without_observations(tmp_path: Path) -> None:
    given = fleet()
    for target, counts in (("a", (50, 100, 100)), ("b", (0, 0, 0))):
        for edge, count in zip(("0.1", "1.0", "+Inf"), counts, strict=True):
            one = f'target="{target}",instance="x",engine_index="0",model="m",le="{edge}"'
            given[f"inferfleet_request_latency_seconds_bucket{{{one}}}"] = f"0+{count}x60"
    name = "release:inferfleet_request_latency_seconds:p95_rate5m"
    check(tmp_path, given, {name: [(OLD, 0.91)]}, "30m")


@promtool.needs_promtool
def test_a_second_exporter_changes_no_figure(tmp_path: Path) -> None:
    check(tmp_path, fleet("x") | fleet("y"), EXPECTED, "30m")


@promtool.needs_promtool
def test_kept_labels_keep_servers_of_one_name_apart(tmp_path: Path) -> None:
    values = promtool.values()
    given = {
        name.replace("{", f'{{cluster="{cluster}",', 1): text
        for cluster in ("north", "south")
        for name, text in fleet().items()
    }
    record = "model:inferfleet_generation_tokens_per_gpu:rate5m"
    samples = [
        {"labels": f'{record}{{model="m",cluster="{cluster}"}}', "value": 22}
        for cluster in ("north", "south")
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in given.items()],
        "promql_expr_test": [{"expr": record, "eval_time": "30m", "exp_samples": samples}],
    }
    promtool.run(tmp_path, promtool.needed(values, {record}), [test])


@promtool.needs_promtool
def test_a_server_without_gpus_is_in_neither_part(tmp_path: Path) -> None:
    given = {name: text for name, text in fleet().items() if 'gpus{target="b"' not in name}
    name = "fleet:inferfleet_generation_tokens_per_gpu:rate5m"
    check(tmp_path, given, {name: [("", 10)]}, "30m")


@promtool.needs_promtool
def test_a_counter_reset_adds_nothing_and_takes_nothing(tmp_path: Path) -> None:
    given = fleet()
    for rank in "01":
        one = f'target="a",instance="x",engine_index="{rank}",model="m"'
        given[f"inferfleet_generation_tokens_total{{{one}}}"] = "90000+300x28 0+300x30"
    name = "target:inferfleet_generation_tokens_per_gpu:rate5m"
    check(tmp_path, given, {name: [('target="a"', 10), ('target="b"', 25)]}, "40m")
    # nothing was counted twice on the way
    most = f"max_over_time({name}[20m])"
    check(tmp_path, given, {most: [('target="a"', 10), ('target="b"', 25)]}, "40m")


@promtool.needs_promtool
def test_a_release_begins_when_no_window_holds_another_ones_work(tmp_path: Path) -> None:
    given = fleet() | {
        'inferfleet_server_start_time_seconds{target="a",instance="x"}': "-99999x60",
        'inferfleet_server_start_time_seconds{target="b",instance="x"}': "1680x60",
    }
    name = "release:inferfleet_generation_tokens_per_gpu:rate5m"
    check(tmp_path, given, {name: [(OLD, 10)]}, "30m")
    check(tmp_path, given, {name: [(OLD, 10), (RELEASE, 25)]}, "34m")


@promtool.needs_promtool
def test_two_identities_at_once_break_no_join(tmp_path: Path) -> None:
    given = fleet()
    shown = f'target="b",instance="y",release="0.20.2",{INFO}'
    given[f"inferfleet_server_info{{{shown}}}"] = "1x60"
    check(tmp_path, given, {"fleet:inferfleet_servers:count": [("", 2)]}, "30m")
    name = "model:inferfleet_generation_tokens_per_gpu:rate5m"
    check(tmp_path, given, {name: [('model="m"', 22)]}, "30m")


@promtool.needs_promtool
@pytest.mark.parametrize(
    "given",
    [
        {'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{UUID="u",Hostname="n"}': "0+30000000x30"},
        {'DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL{UUID="u",hostname="n"}': "0+30000x30"},
        {'inferfleet_gpu_energy_joules_total{uuid="u",instance="x"}': "0+30000x30"},
        # one GPU, two series: a pod came and the labels changed
        {
            'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{UUID="u",exported_pod="p"}': "0+30000000x30",
            'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{UUID="u",exported_pod=""}': "0+30000000x30",
        },
    ],
    ids=["classic", "renamed", "own", "twice"],
)
def test_power_is_the_same_under_every_name(tmp_path: Path, given: dict[str, str]) -> None:
    check(tmp_path, given, {"uuid:inferfleet_gpu_power_watts:rate5m": [('uuid="u"', 500)]}, "20m")


@promtool.needs_promtool
def test_dcgm_units_become_base_units_and_blanks_vanish(tmp_path: Path) -> None:
    given = {
        'DCGM_FI_DEV_GPU_UTIL{UUID="u",Hostname="n",modelName="H200",exported_pod="p"}': "50x30",
        'DCGM_FI_DEV_GPU_UTIL_RATIO{UUID="v",hostname="n",modelName="H200"}': "0.25x30",
        'DCGM_FI_DEV_SM_CLOCK{UUID="u"}': "1500x30",
        'DCGM_FI_DEV_GPU_TEMP{UUID="u"}': "2147483632x30",
        'DCGM_FI_DEV_FB_USED{UUID="u"}': "1024x30",
        'DCGM_FI_DEV_FB_FREE{UUID="u"}': "6144x30",
        'DCGM_FI_DEV_FB_RESERVED{UUID="u"}': "1024x30",
        'DCGM_FI_DEV_POWER_MGMT_LIMIT{UUID="u"}': "700x30",
        'DCGM_FI_DEV_XID_ERRORS{UUID="u"}': "0x30",
        'DCGM_FI_DEV_POWER_VIOLATION{UUID="u"}': "0+30000000000x30",
    }
    gpu = 'gpu_model="H200", host="n"'
    expected: dict[str, list[tuple[str, float]]] = {
        "uuid:inferfleet_gpu_utilization_ratio:max": [('uuid="u"', 0.5), ('uuid="v"', 0.25)],
        "uuid:inferfleet_gpu_sm_clock_hertz:max": [('uuid="u"', 1.5e9)],
        "uuid:inferfleet_gpu_temperature_celsius:max": [],
        "uuid:inferfleet_gpu_memory_used_bytes:max": [('uuid="u"', 2.0**30)],
        "uuid:inferfleet_gpu_memory_total_bytes:max": [('uuid="u"', 2.0**33)],
        "uuid:inferfleet_gpu_power_limit_watts:max": [('uuid="u"', 700)],
        "uuid_xid:inferfleet_gpu_xid_last:info": [],
        "uuid_reason:inferfleet_gpu_throttled:ratio_rate5m": [
            ('uuid="u", reason="sw_power_cap"', 0.5)
        ],
        "uuid:inferfleet_gpu:info": [(f'uuid="u", gpu_pod="p", {gpu}', 1), (f'uuid="v", {gpu}', 1)],
    }
    check(tmp_path, given, expected, "20m")


@promtool.needs_promtool
def test_energy_of_a_shared_gpu_is_nobodys(tmp_path: Path) -> None:
    given = fleet() | {
        'inferfleet_gpu_energy_joules_total{uuid="u"}': "0+30000x60",
        'inferfleet_gpu_energy_joules_total{uuid="v"}': "0+30000x60",
        'inferfleet_server_gpu_info{target="a",uuid="u",gpu_model="H200",source="pod"}': "1x60",
        'inferfleet_server_gpu_info{target="a",uuid="v",gpu_model="H200",source="pod"}': "1x60",
    }
    name = "target:inferfleet_joules_per_token:ratio_rate5m"
    # 1000 W over 10 tokens/s
    check(tmp_path, given, {name: [('target="a"', 100)]}, "30m")
    given['inferfleet_server_gpu_info{target="b",uuid="v",gpu_model="H200",source="pod"}'] = "1x60"
    check(tmp_path, given, {name: []}, "30m")


def healthy(demand: str) -> dict[str, str]:
    """Two well servers; `demand` is the tokens counter of one engine."""
    given = {
        name: demand if "generation_tokens" in name else text for name, text in fleet().items()
    }
    for target in "ab":
        at = f'target="{target}",instance="x"'
        given |= {
            f"inferfleet_target_up{{{at}}}": "1x60",
            f"inferfleet_engine_stalled{{{at}}}": "0x60",
            f"inferfleet_scrape_age_seconds{{{at}}}": "3x60",
            f'inferfleet_http_responses_total{{{at},status="2xx"}}': "0+60x60",
            f'inferfleet_http_responses_total{{{at},status="5xx"}}': "0x60",
            f'inferfleet_bound{{{at},by="demand"}}': "1x60",
            f"inferfleet_requests_waiting{{{at}}}": "0x60",
        }
    for name in [name for name in given if name.endswith('le="1.0"}')]:
        given[name] = given[name.replace("_bucket", "_count").replace(',le="1.0"', "")]
    given |= {
        'inferfleet_build_info{instance="x"}': "1x60",
        'inferfleet_targets{instance="x"}': "2x60",
        'inferfleet_discovery_problems{instance="x"}': "0x60",
        'inferfleet_config_last_reload_successful{instance="x"}': "1x60",
    }
    return given


@promtool.needs_promtool
@pytest.mark.parametrize(
    "demand",
    ["0+3000x60", "0+3000x30 90000+30x29", "0+3000x30 90000x29"],
    ids=["steady", "demand falls to a hundredth", "demand ends"],
)
def test_a_well_fleet_is_silent_whatever_is_asked_of_it(tmp_path: Path, demand: str) -> None:
    values = promtool.values()
    # two releases side by side are news after a day only, so nothing at all may fire
    tests = [
        {
            "interval": "1m",
            "input_series": [
                {"series": name, "values": text} for name, text in healthy(demand).items()
            ],
            "promql_expr_test": [
                {"expr": 'ALERTS{alertname!="InferfleetVersionsMixed"}', "eval_time": f"{at}m"}
                for at in (10, 29, 32, 45)
            ],
        }
    ]
    groups = [group for found in build.groups(values).values() for group in found]
    promtool.run(tmp_path, groups, tests)


def test_no_alert_reads_raw_throughput() -> None:
    for one in build.alerts(build.everything(load())):
        assert isinstance(one, Alert)
        for name in ("generation_tokens", "tokens_per_second", "tokens_per_gpu"):
            assert name not in one.expr, one.alert
