"""Engines that hold requests and make no progress: which of them are stalled for certain."""

import json
from collections.abc import Mapping

from exporter.config import Config
from exporter.fetch import HttpClient
from exporter.sampling.stall_watch import Stalls, StallWatch
from tests.fakes import Answer, FakeServer
from tests.loop import run
from tests.pages import snapshot

ENGINE = frozenset({"0"})
TOKEN: Answer = (200, b'{"choices": [{"text": "a"}]}')


def follow(fake: FakeServer, *held: tuple[int, int], probe: bool = False) -> list[Stalls]:
    """Return the state after each page, 5 s apart: running and waiting requests, and no token."""
    config = Config(targets=[], stall_after=30.0, stall_probe=probe, timeout=0.2)
    client = HttpClient(config.http, config.limits.page)

    async def get(path: str) -> bytes:
        return (await client.get(fake.url + path, config.timeout)).body

    async def post(path: str, document: Mapping[str, object]) -> bytes:
        return (await client.post(fake.url + path, document, config.timeout)).body

    watch = StallWatch(get, post, config)
    old, states = None, []
    for i, (running, waiting) in enumerate(held):
        new = snapshot(
            f'vllm:num_requests_running{{engine="0",model_name="m"}} {running}\n'
            f'vllm:num_requests_waiting{{engine="0",model_name="m"}} {waiting}\n'
            'vllm:generation_tokens_total{engine="0",model_name="m"} 700\n',
            time=5.0 * i,
        )
        states.append(run(watch.update(old, new)))
        old = new
    return states


def test_requests_that_do_not_move_may_be_stale_gauges() -> None:
    with FakeServer(health=(200, b"")) as fake:
        states = follow(fake, *[(106, 15)] * 20)
    assert states[:7] == [Stalls()] * 7
    assert states[7:] == [Stalls(no_progress=ENGINE)] * 13
    assert set(fake.hits) == {"/health"}


def test_requests_that_keep_coming_are_work_that_waits() -> None:
    with FakeServer(health=(200, b"")) as fake:
        states = follow(fake, *[(16, max(0, i - 3)) for i in range(10)])
    assert states[7:] == [Stalls(no_progress=ENGINE, stalled=ENGINE)] * 3


def test_a_server_that_says_it_is_not_healthy_is_left_to_those_who_ask_it() -> None:
    with FakeServer(health=(503, b"")) as fake:
        assert follow(fake, *[(16, i) for i in range(10)]) == [Stalls()] * 10


def test_an_engine_that_does_not_answer_the_probe_is_stalled() -> None:
    with FakeServer(health=(200, b"")) as fake:
        fake.answers["/v1/completions"] = fake.hold
        states = follow(fake, *[(16, 0)] * 14, (0, 0), (16, 0), probe=True)
        hits = fake.hits["/v1/completions"]
    assert states[7:14] == [Stalls(no_progress=ENGINE, stalled=ENGINE)] * 7
    assert states[14:] == [Stalls()] * 2
    # at once, and again after `stall_after`
    assert hits == 2


def test_an_engine_that_answers_the_probe_is_not_stalled() -> None:
    with FakeServer(health=(200, b""), v1__completions=TOKEN) as fake:
        states = follow(fake, *[(16, 0)] * 10, probe=True)
        assert fake.hits["/v1/completions"] == 1
        assert json.loads(fake.body) == {"model": "m", "prompt": "1", "max_tokens": 1}
    assert states[-1] == Stalls(no_progress=ENGINE)


def test_a_probe_that_is_refused_says_nothing() -> None:
    with FakeServer(health=(200, b"")) as fake:
        states = follow(fake, *[(16, 0)] * 9, probe=True)
    assert states[-1] == Stalls(no_progress=ENGINE)


def test_what_is_certain_needs_no_probe() -> None:
    with FakeServer(health=(200, b""), v1__completions=TOKEN) as fake:
        states = follow(fake, *[(16, i) for i in range(9)], probe=True)
        assert "/v1/completions" not in fake.hits
    assert states[-1].stalled == ENGINE
