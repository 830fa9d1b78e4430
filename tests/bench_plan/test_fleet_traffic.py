"""The traffic that comes out is the one put in, from a fake API and from a real Prometheus."""

from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import pytest

from exporter.base.errors import CompareError
from exporter.bench_plan.fleet_traffic import fetch_traffic
from exporter.bench_plan.load_points import load_points
from exporter.bench_plan.traffic import Traffic
from exporter.compare.fleet.api import PrometheusApi
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.span import Span
from exporter.compare.options import parse_models
from tests.bench_plan.fleet import BUCKETS, CELLS, SERVER, TOTALS, TrafficApi
from tests.prometheus import fill, needs_prometheus, prometheus

START, HOURS = 1_770_000_000.0, 5


def traffic_of(url: str, servers: str = "", model: str = SERVER["model"]) -> Traffic:
    chosen = parse_models(model) + (parse_matchers(servers, "--servers") if servers else ())
    api = PrometheusApi(url, sleep=lambda seconds: None)
    return fetch_traffic(api, chosen, Span(START, START + 3600 * HOURS))


def check(traffic: Traffic, close: float = 1e-9) -> None:
    """Hold the traffic against what `fleet` says."""

    def near(value: float) -> object:
        return pytest.approx(value, rel=close)

    assert (traffic.engine, traffic.model, traffic.servers) == ("vllm", "org/dense-8b", 1)
    assert traffic.prompt
    assert traffic.output
    assert traffic.prompt.mean == near(1000.0)
    assert traffic.prompt.stddev == near(1000 / sqrt(12))
    assert traffic.output.mean == near(200.0)
    assert len(traffic.hours) == HOURS
    for hour in traffic.hours:
        # 39,600 sequence-seconds in an hour, and 7,020 first tokens
        assert hour.decode_batch == near(11.0)
        assert hour.requests_per_second == near(1.95)
    assert traffic.hit_ratio == near(0.30)
    assert traffic.cached_share == traffic.shared_share == near(0.25)
    assert traffic.saturated_share == near(0.01)
    assert traffic.accepted_share is None
    assert traffic.gpus == near(2.0)
    points = load_points(traffic.cells, 200.0, 60.0)
    # batch 7 and half a request before its first token; batch 30 and two
    assert [(point.name, point.concurrency) for point in points] == [
        ("quiet", 8),
        ("typical-busy", 32),
    ]


def test_traffic() -> None:
    with TrafficApi() as api:
        check(traffic_of(api.url))


def test_what_has_no_series_is_unknown() -> None:
    with TrafficApi(without="request_|cache|first_token|saturated|gpu") as api:
        traffic = traffic_of(api.url)
    assert (traffic.prompt, traffic.output, traffic.shared_share) == (None, None, None)
    assert traffic.saturated_share is traffic.gpus is None
    assert traffic.hours[0].requests_per_second is None
    assert [cell.first_token_seconds for cell in traffic.cells] == [None, None]


def test_hits_stand_for_the_cached_share_where_that_is_unknown() -> None:
    with TrafficApi(without="prompt_tokens_cached") as api:
        traffic = traffic_of(api.url)
    assert traffic.cached_share is None
    assert traffic.shared_share == traffic.hit_ratio


@pytest.mark.parametrize(
    ("servers", "fault"),
    [
        ([], "there are no servers of inferfleet in this time"),
        ([{**SERVER, "model": "other"}], "no server has model=.*; the models known are other"),
        (
            [SERVER, {**SERVER, "target": "b", "gpu_model": "NVIDIA L4"}],
            "the servers differ in gpu_model: NVIDIA H200, NVIDIA L4; a plan is for one, so add it",
        ),
        (
            [SERVER, {**SERVER, "target": "b", "engine": "sglang"}],
            "the servers differ in engine: sglang, vllm",
        ),
    ],
)
def test_servers_that_make_no_plan(servers: list[dict[str, str]], fault: str) -> None:
    with TrafficApi(servers) as api, pytest.raises(CompareError, match=fault):
        traffic_of(api.url)


def test_one_kind_of_several_is_chosen() -> None:
    other = {**SERVER, "target": "b", "gpu_model": "NVIDIA L4"}
    with TrafficApi([SERVER, other]) as api:
        check(traffic_of(api.url, 'gpu_model="NVIDIA H200"'))


def series_lines() -> Iterator[str]:
    """Yield OpenMetrics lines of counters that grow as `fleet` says, a sample a minute."""
    own = f'target="{SERVER["target"]}",model="{SERVER["model"]}"'
    identity = ",".join(f'{name}="{value}"' for name, value in SERVER.items())
    counters = {
        **{
            f'inferfleet_load_{quantity}_total{{{identity},batch="{batch}"}}': amount
            for quantity, cells in CELLS.items()
            for batch, amount in cells.items()
        },
        **{
            f'inferfleet_{name}_bucket{{{own},le="{bound}"}}': amount
            for name, buckets in BUCKETS.items()
            for bound, amount in buckets.items()
        },
    }
    for name, amount in TOTALS.items():
        cache = ',cache="local"' if "prefix_cache" in name else ""
        counters[f"inferfleet_{name}{{{own}{cache}}}"] = amount
    moments = [START - 600 + 60 * i for i in range(60 * HOURS + 20)]
    yield "# TYPE inferfleet_server_info gauge\n"
    yield from (f"inferfleet_server_info{{{identity}}} 1 {moment:.0f}\n" for moment in moments)
    for series, amount in counters.items():
        for i, moment in enumerate(moments):
            yield f"{series} {1e6 + amount * i / 60!r} {moment:.0f}\n"
    yield "# EOF\n"


@needs_prometheus
def test_a_real_prometheus_says_the_same(tmp_path: Path) -> None:
    fill(tmp_path / "data", series_lines())
    with prometheus(tmp_path / "data") as url:
        check(traffic_of(url), 1e-3)
