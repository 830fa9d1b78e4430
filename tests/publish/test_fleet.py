"""The fleet's report: totals by parts, nothing stale, nothing made up."""

import json
from dataclasses import replace

from exporter.config import Config, Target
from exporter.derive.figures import Figures, Share
from exporter.fetch import HttpClient
from exporter.publish import fleet as report
from exporter.sampling.server import Reading, Server
from exporter.sampling.view import ServerView
from tests.pages import snapshot

FIGURES = Figures(
    window_seconds=60,
    generation_tokens_rate=100,
    prompt_tokens_rate=400,
    prompt_tokens_computed_rate=None,
    gpus=1,
    decode_batch=None,
    batch_occupancy=Share(10, 100),
    tokens_per_step=None,
    token_budget_ratio=None,
    prefix_cache_hits={"local": Share(0, 10)},
    prompt_cached=None,
    preemptions_rate=None,
    bound=None,
)


def shown(name: str, figures: Figures | None, live: bool = True) -> ServerView:
    config = Config()
    server = Server(
        Target(url=f"http://{name}:1", name=name), HttpClient(config.http, 1, 1), config
    )
    page = snapshot('vllm:num_requests_running{engine="0",model_name="m"} 3\n')
    return ServerView(server, Reading(time=1.0, snapshot=page, figures=figures), live, 2.0)


def totals(*fleet: ServerView) -> dict[str, object]:
    found = report.fleet(fleet, [], 5, 60)["totals"]
    assert isinstance(found, dict)
    return found


def test_totals_weigh_servers_by_their_parts() -> None:
    large = replace(
        FIGURES,
        generation_tokens_rate=900,
        gpus=8,
        batch_occupancy=Share(290, 300),
        prefix_cache_hits={"local": Share(81, 90)},
    )
    found = totals(shown("a", FIGURES), shown("b", large))
    assert found["generation_tokens_per_second_per_gpu"] == 1000 / 9
    assert found["batch_occupancy_ratio"] == 300 / 400
    assert found["prefix_cache_hit_ratio"] == 81 / 100


def test_servers_of_unknown_size_do_not_count_per_gpu() -> None:
    found = totals(shown("a", FIGURES), shown("b", replace(FIGURES, gpus=None)))
    assert found["generation_tokens_per_second"] == 200
    assert found["generation_tokens_per_second_per_gpu"] == 100


def test_a_stale_server_shows_no_data_and_counts_in_no_total() -> None:
    stale = shown("a", FIGURES, live=False)
    assert totals(stale)["generation_tokens_per_second"] is None
    one = report.server(stale)
    assert one["up"] is False
    assert "requests_running" not in one
    assert "generation_tokens_per_second" not in one


def test_unknown_is_null_and_the_document_is_json() -> None:
    text = json.dumps(
        report.fleet([shown("a", None), shown("b", FIGURES)], [], 5, 60), allow_nan=False
    )
    first, second = json.loads(text)["servers"]
    assert first["requests_running"] == 3
    assert "batch_occupancy_ratio" not in first
    assert second["prompt_cached_ratio"] is None
