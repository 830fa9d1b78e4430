"""One server is of one class: sources that answer late, fail or go do not make it another."""

import json
from collections.abc import Collection, Mapping
from time import monotonic

import pytest

from exporter.base.errors import FetchError, FetchReason
from exporter.config import Config, Declaration, GpuSettings, LoadCellSettings, Target
from exporter.engines.identity import Identity, identify
from exporter.fetch import HttpClient
from exporter.gpu.source_poller import SourcePoller, State
from exporter.gpu.telemetry import Telemetry
from exporter.sampling.endpoint_answers import EndpointAnswers, _Failure
from exporter.sampling.served_identity import ServedIdentity
from exporter.sampling.watched_server import WatchedServer
from tests.fakes import FakeServer, page
from tests.loop import run

LINE = ["vllm", "serve", "org/m", "--tensor-parallel-size", "2", "--kv-cache-dtype", "fp8"]
SERVER_INFO = "/server_info?config_format=json"
ANSWERS: Mapping[str, bytes] = {
    "/v1/models": b'{"data": [{"id": "m", "max_model_len": 4096}]}',
    "/version": b'{"version": "0.26.0"}',
    SERVER_INFO: json.dumps(
        {
            "vllm_config": {
                "parallel_config": {"tensor_parallel_size": 2, "data_parallel_size": 1},
                "cache_config": {"cache_dtype": "fp8_e4m3"},
            }
        }
    ).encode(),
}
BROKEN_OFF = (200, b"{", {"Content-Length": "9", "Connection": "close"})


def identity(
    silent: Collection[str] = (),
    answers: Mapping[str, bytes] = ANSWERS,
    reason: FetchReason = "timeout",
) -> Identity:
    """Return what a server is by its endpoints but the silent ones, and its command line."""

    def get(path: str) -> bytes:
        if path in silent or path not in answers:
            raise FetchError(reason, f"{path} did not answer")
        return answers[path]

    return identify("vllm", get, None, LINE, Declaration(version="0.20.0"), "m")


WHOLE = identity()


@pytest.mark.parametrize("silent", [[path] for path in ANSWERS] + [[*ANSWERS]])
@pytest.mark.parametrize("restarts", [0, 1])
def test_a_source_that_is_late_is_waited_for_and_then_given_up(
    silent: list[str], restarts: int
) -> None:
    served = ServedIdentity()
    if restarts:
        served.take(WHOLE, complete=True)
        served.last = WHOLE
        served.forget()
    partial = identity(silent)
    for _ in range(3):
        served.take(partial, complete=False)
        assert served.current is None
    served.take(partial, complete=False)
    assert served.current is partial
    served.take(WHOLE, complete=True)
    assert served.current is WHOLE


def test_a_command_line_alone_is_of_another_class() -> None:
    assert identity([SERVER_INFO]).server_class != WHOLE.server_class


def test_a_source_that_fails_after_a_restart_as_it_did_not_before_is_waited_for() -> None:
    served = ServedIdentity()
    served.last = WHOLE
    refused = identity([SERVER_INFO], reason="http_status")
    served.take(refused, complete=True)
    assert served.current is None
    served.take(WHOLE, complete=True)
    assert served.current is WHOLE


def test_what_never_answered_is_not_waited_for() -> None:
    served = ServedIdentity()
    served.last = partial = identity([SERVER_INFO], reason="http_status")
    served.take(partial, complete=True)
    assert served.current is partial


def test_nobody_waits_for_a_source_where_nobody_will_ask_again() -> None:
    served = ServedIdentity(patient=False)
    partial = identity([SERVER_INFO])
    served.take(partial, complete=False)
    assert served.current is partial


@pytest.mark.parametrize("silent", [[path] for path in ANSWERS])
def test_within_a_process_what_a_source_said_stays_however_long_it_is_silent(
    silent: list[str],
) -> None:
    served = ServedIdentity()
    served.take(WHOLE, complete=True)
    for _ in range(20):
        served.take(identity(silent), complete=False)
        assert served.current is WHOLE


def test_another_process_behind_the_port_is_taken_once_what_is_silent_is_given_up() -> None:
    served = ServedIdentity()
    served.take(WHOLE, complete=True)
    upgraded = {**ANSWERS, "/version": b'{"version": "0.27.0"}'}
    releases = []
    for _ in range(4):
        served.take(identity([SERVER_INFO], upgraded), complete=False)
        assert served.current is not None
        releases.append(served.current.release)
    assert releases == ["0.26.0"] * 3 + ["0.27.0"]


def test_another_engine_is_not_asked_for_the_sources_of_the_one_before() -> None:
    def get(path: str) -> bytes:
        raise FetchError("http_status", f"{path} answered 404")

    served = ServedIdentity()
    served.last = WHOLE
    sglang = identify("sglang", get, None, None, Declaration(version="0.5.0"), "m")
    served.take(sglang, complete=True)
    assert served.current is sglang


def test_a_source_that_is_late_is_asked_again_soon_and_ever_less_often() -> None:
    served = ServedIdentity()

    def waits(complete: bool) -> list[int]:
        served.mark_reading()
        served.take(WHOLE, complete)
        now = monotonic()
        return [wait for wait in (10, 25, 50, 310) if served.due(now + wait, 300.0)]

    assert waits(complete=True) == [310]
    assert waits(complete=False) == [25, 50, 310]
    assert waits(complete=False) == [50, 310]
    assert waits(complete=False) == [310]
    assert waits(complete=True) == [310]
    assert waits(complete=False) == [25, 50, 310]


@pytest.mark.parametrize(
    ("reason", "complete"),
    [
        ("connect", False),
        ("timeout", False),
        ("protocol", False),
        ("http_status", True),
        ("too_large", True),
    ],
)
def test_a_refusal_is_an_answer_and_silence_is_none(reason: FetchReason, complete: bool) -> None:
    answers = EndpointAnswers()
    answers._failures["/version"] = _Failure(reason, "failed")
    assert answers.complete is complete


@pytest.mark.parametrize("path", ANSWERS)
def test_a_loaded_server_that_restarts_stays_of_its_class(path: str) -> None:
    """Its load cells and its series of before go on, whichever endpoint answers late."""
    with FakeServer(metrics=(200, page(100))) as fake:
        fake.answers |= {path: (200, body) for path, body in ANSWERS.items()}
        target = Target(url=fake.url, name="s", declare=Declaration(version="0.20.0"))
        config = Config(targets=[target], interval=1.0, load=LoadCellSettings(warm_up=0.0))
        server = WatchedServer(target, HttpClient(config.http, config.limits.page), config)
        classes = set[tuple[str, str]]()

        def sample(tokens: float, start: float) -> None:
            fake.answers["/metrics"] = (200, page(tokens, start=start))
            run(server.sample())
            labels = dict(server.reading.load.labels)
            classes.add((labels.get("release", ""), labels.get("class", "")))
            if reading := server.reading.identity:
                classes.add((reading.release, reading.server_class))

        sample(100, 1000.0)
        run(server.identify())
        for tokens in (200, 300, 400):
            sample(tokens, 1000.0)
        cells = dict(server.reading.load.cells)
        assert cells
        sample(1, 2000.0)
        fake.answers[path] = BROKEN_OFF
        run(server.identify())
        for tokens in (50, 100):
            sample(tokens, 2000.0)
        assert server.reading.identity is None
        assert dict(server.reading.load.cells) == cells
        fake.answers[path] = (200, ANSWERS[path])
        run(server.identify())
        for tokens in (200, 300, 400):
            sample(tokens, 2000.0)
        assert server.reading.load.cells.keys() >= cells.keys()
        assert server.reading.load.cells != cells
        assert len(classes - {("", "")}) == 1


@pytest.mark.parametrize("state", [State((), 1.0), State(error="no such driver")])
def test_nothing_is_of_a_class_before_telemetry_has_answered_or_failed(state: State) -> None:
    watch = SourcePoller("page", lambda now: [], 60.0, 60.0, 60.0)
    watch._due = 1e9
    config = Config(gpu=GpuSettings(nvml=False))
    telemetry = Telemetry(config, [watch])
    with FakeServer(metrics=(200, page(100)), version=(200, ANSWERS["/version"])) as fake:
        target = Target(url=fake.url, name="s")
        client = HttpClient(config.http, config.limits.page)
        server = WatchedServer(target, client, config, telemetry)
        run(server.sample())
        run(server.identify())
        telemetry.tick(0.0)
        run(server.sample())
        assert server.reading.identity is None
        watch.state = state
        telemetry.tick(1.0)
        run(server.sample())
        assert server.reading.identity is not None
