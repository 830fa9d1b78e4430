"""The fleet's report: totals by parts, nothing stale, nothing made up."""

import json

from exporter.config import Config, Target
from exporter.derive.figure import Figures
from exporter.derive.ratio import Ratio
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


def shown(name: str, figures: Figures, live: bool = True) -> ServerView:
    config = Config()
    server = WatchedServer(
        Target(url=f"http://{name}:1", name=name), HttpClient(config.http, 1), config
    )
    page = snapshot('vllm:num_requests_running{engine="0",model_name="m"} 3\n')
    return ServerView(
        server.models[0], ServerReading(time=1.0, snapshot=page, figures=figures), live, 2.0
    )


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
