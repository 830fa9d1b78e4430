"""The fleet's report: totals by parts, nothing stale, nothing made up."""

import json

import pytest

from exporter.config import Config, Target
from exporter.derive.figure import Figures
from exporter.derive.ratio import Ratio
from exporter.engines.identity import Identity
from exporter.engines.sources.facts import Fact
from exporter.fetch import HttpClient
from exporter.publish.fleet import fleet_report, server_report
from exporter.sampling.reading import ServerReading
from exporter.sampling.view import ServerView
from exporter.sampling.watched_server import WatchedServer
from tests.pages import snapshot

FIGURES: Figures = {
    "window_seconds": 60,
    "generation_tokens_per_second": 100.0,
    "generation_tokens_per_second_per_gpu": Ratio(100, 1),
    "prompt_tokens_per_second_per_gpu": Ratio(400, 1),
    "requests_running": 3.0,
    "batch_occupancy_ratio": Ratio(10, 100),
    "prefix_cache_hit_ratio": {"local": Ratio(0, 10)},
}


def shown(
    name: str, figures: Figures, live: bool = True, identity: Identity | None = None
) -> ServerView:
    config = Config()
    server = WatchedServer(
        Target(url=f"http://{name}:1", name=name), HttpClient(config.http, 1), config
    )
    page = snapshot('vllm:num_requests_running{engine="0",model_name="m"} 3\n')
    reading = ServerReading(time=1.0, snapshot=page, figures=figures, identity=identity)
    return ServerView(server.models[0], reading, live, 2.0)


def identity(**facts: str | float) -> Identity:
    release = str(facts.pop("release", "0.20.2"))
    known = {name: Fact(value, "declared") for name, value in facts.items()}
    return Identity("vllm", known, {}, release, "class", "config", (), frozenset())


def totals(*fleet: ServerView) -> dict[str, object]:
    found = fleet_report(fleet, [], 5, 60)["totals"]
    assert isinstance(found, dict)
    return found


def test_totals_weigh_servers_by_their_parts() -> None:
    large: Figures = {
        "generation_tokens_per_second": 900.0,
        "generation_tokens_per_second_per_gpu": Ratio(900, 8),
        "batch_occupancy_ratio": Ratio(290, 300),
        "prefix_cache_hit_ratio": {"local": Ratio(81, 90)},
    }
    found = totals(shown("a", FIGURES), shown("b", large))
    assert found["generation_tokens_per_second_per_gpu"] == 1000 / 9
    assert found["batch_occupancy_ratio"] == 300 / 400
    assert found["prefix_cache_hit_ratio"] == 81 / 100


def test_servers_of_unknown_size_do_not_count_per_gpu() -> None:
    unsized: Figures = {"generation_tokens_per_second": 100.0}
    found = totals(shown("a", FIGURES), shown("b", unsized))
    assert found["generation_tokens_per_second"] == 200
    assert found["generation_tokens_per_second_per_gpu"] == 100


def test_a_stale_server_shows_no_data_and_counts_in_no_total() -> None:
    stale = shown("a", FIGURES, live=False)
    assert totals(stale)["generation_tokens_per_second"] is None
    one = server_report(stale)
    assert one["up"] is False
    assert "requests_running" not in one
    assert "generation_tokens_per_second" not in one


def test_unknown_is_null_and_the_document_is_json() -> None:
    text = json.dumps(
        fleet_report([shown("a", {}), shown("b", FIGURES)], [], 5, 60), allow_nan=False
    )
    first, second = json.loads(text)["servers"]
    assert first["batch_occupancy_ratio"] is None
    assert second["requests_running"] == 3
    assert second["prompt_cached_ratio"] is None


def test_gpus_are_unknown_until_those_of_every_server_are_known() -> None:
    one, two = identity(gpus=1.0), identity(gpus=2.0)
    assert totals(shown("a", FIGURES, identity=one), shown("b", FIGURES))["gpus"] is None
    assert totals(shown("a", {}, identity=one), shown("b", {}, identity=two))["gpus"] == 3
    down = shown("b", {}, live=False)
    assert totals(shown("a", {}, identity=one), down)["gpus"] == 1


def test_releases_are_pooled_by_model_and_runner() -> None:
    slow: Figures = {
        "generation_tokens_per_second": 300.0,
        "generation_tokens_per_second_per_gpu": Ratio(300, 3),
        "inter_token_latency_mean_seconds": Ratio(30, 1000),
    }
    fast: Figures = {"inter_token_latency_mean_seconds": Ratio(10, 3000)}
    old = {"model": "m", "version": "0.20.2", "runner": "v1"}
    fleet = [
        shown("a", FIGURES, identity=identity(**old, gpus=1.0)),
        shown("b", slow, identity=identity(**old, gpus=3.0)),
        shown("c", fast, identity=identity(**{**old, "runner": "v2"})),
        shown("d", FIGURES),
        shown("e", FIGURES, live=False, identity=identity(**old)),
    ]
    releases = fleet_report(fleet, [], 5, 60)["releases"]
    assert isinstance(releases, list)
    first, second = releases
    assert [first[name] for name in ("release", "runner", "model", "servers", "gpus")] == [
        "0.20.2",
        "v1",
        "m",
        2,
        4,
    ]
    assert first["generation_tokens_per_second"] == 400
    assert first["generation_tokens_per_second_per_gpu"] == 100
    assert first["inter_token_latency_mean_seconds"] == 0.03
    assert [second[name] for name in ("runner", "servers", "gpus")] == ["v2", 1, None]
    assert second["inter_token_latency_mean_seconds"] == pytest.approx(1 / 300)
    assert second["generation_tokens_per_second"] is None


def test_a_server_is_who_it_was_until_it_tells_anew() -> None:
    before = identity(model="m", version="0.20.2", runner="v1", gpus=2.0)
    for view in (shown("a", FIGURES, live=False), shown("a", FIGURES)):
        assert "last_known" not in server_report(view)
        view.server.identity.last = before
        last = server_report(view)["last_known"]
        assert isinstance(last, dict)
        assert [last[name] for name in ("model", "release", "runner", "gpus")] == [
            "m",
            "0.20.2",
            "v1",
            2,
        ]
    view = shown("a", FIGURES, identity=identity(model="m"))
    view.server.identity.last = before
    assert "last_known" not in server_report(view)
