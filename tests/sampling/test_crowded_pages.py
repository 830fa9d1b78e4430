"""Pages of ever new or far too many names, models and engines cost no more than others."""

import logging

import pytest

from exporter.config import Config, Target
from exporter.engines.page_plans import MOST_ENGINES, MOST_MODELS
from exporter.fetch import HttpClient
from exporter.sampling.watched_server import WatchedServer
from tests.fakes import FakeServer, page
from tests.loop import run


def watch(fake: FakeServer) -> WatchedServer:
    target, config = Target(url=fake.url, name="s"), Config()
    return WatchedServer(target, HttpClient(config.http, config.limits.page), config)


def crowd(label: str, numbers: range) -> bytes:
    names = ("num_requests_running", "generation_tokens_total")
    return "".join(
        f'vllm:{name}{{engine="0",model_name="m",{label}="x{number}"}} 1\n'.replace(
            'engine="0",model_name="m",engine=', 'model_name="m",engine='
        ).replace('model_name="m",model_name=', "model_name=")
        for name in names
        for number in numbers
    ).encode()


@pytest.mark.parametrize(
    ("label", "number", "sentence"),
    [
        ("engine", MOST_ENGINES + 1, f"{MOST_ENGINES + 1} engines"),
        ("WorkerId", 10_000, "10000 engines"),
        ("model_name", MOST_MODELS + 1, f"{MOST_MODELS + 1} models"),
    ],
)
def test_a_page_of_too_many_is_refused_with_their_number(
    label: str, number: int, sentence: str
) -> None:
    with FakeServer(metrics=(200, crowd(label, range(number)))) as fake:
        server = watch(fake)
        run(server.sample())
        assert server.reading.reason == "page_refused"
        assert sentence in server.reading.error
        fake.answers["/metrics"] = (200, page(1))
        run(server.sample())
        assert server.reading.misses == 0


def test_as_many_engines_as_are_read_are_read() -> None:
    with FakeServer(metrics=(200, crowd("engine", range(MOST_ENGINES)))) as fake:
        server = watch(fake)
        run(server.sample())
        run(server.sample())
        assert server.reading.error == ""
        assert len(server.reading.engine_figures) == MOST_ENGINES


def test_models_that_change_with_every_page_are_not_all_kept() -> None:
    with FakeServer() as fake:
        server = watch(fake)
        for step in range(40):
            fake.answers["/metrics"] = (200, crowd("model_name", range(10 * step, 10 * step + 10)))
            run(server.sample())
        assert len(server.models) < 50
        assert f"s/x{399}" in [model.target.label for model in server.models]


def test_names_that_change_with_every_page_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with FakeServer() as fake:
        server = watch(fake)
        for step in range(20):
            names = "".join(f"vllm:new_{step}_{number}_total 1\n" for number in range(100))
            fake.answers["/metrics"] = (200, page(step) + names.encode())
            run(server.sample())
    assert caplog.text.count("names this release does not know") == 1
    assert "100 metric names" in caplog.text
