"""One server over its life: pages, failures, restarts, upgrades, stalls."""

import json
import time
from threading import current_thread

import pytest

from exporter.config import Config, Declaration, Target
from exporter.derive.figure import number_of
from exporter.derive.ratio import Ratio
from exporter.exposition import Page
from exporter.fetch import HttpClient
from exporter.publish.fleet import server_report
from exporter.sampling.endpoint_answers import EndpointAnswers
from exporter.sampling.stall_watch import Stalls
from exporter.sampling.view import ServerView
from exporter.sampling.watched_server import WatchedServer
from tests.fakes import FakeServer, page
from tests.loop import run
from tests.pages import values

VERSION = (200, b'{"version": "0.26.0"}')


def watch(fake: FakeServer, **changes: object) -> WatchedServer:
    target = Target(url=fake.url, name="s", declare=Declaration(gpus=2, max_num_seqs=8))
    config = Config(targets=[target]).model_copy(update=changes)
    return WatchedServer(target, HttpClient(config.http, config.limits.page), config)


def test_a_page_becomes_a_reading_and_identity_gives_it_gpus() -> None:
    with FakeServer(metrics=(200, page(100)), version=VERSION) as fake:
        server = watch(fake)
        run(server.sample())
        assert server.reading.error == ""
        assert server.reading.identity is None
        run(server.identify())
        for tokens in (200, 300):
            fake.answers["/metrics"] = (200, page(tokens, running=4))
            run(server.sample())
        reading = server.reading
        assert reading.identity is not None
        assert reading.identity.text("version") == "0.26.0"
        assert number_of(reading.figures["generation_tokens_per_second_per_gpu"]) is not None
        assert reading.figures["batch_occupancy_ratio"] == Ratio(4.0, 8.0)
        assert reading.snapshot is not None
        assert reading.snapshot.total("generation_tokens_total") == 300


def test_one_missed_sample_keeps_the_data_and_two_do_not() -> None:
    with FakeServer(metrics=(200, page(100))) as fake:
        server = watch(fake)
        run(server.sample())
        assert server.reading.time is not None
        now = server.reading.time + 1
        assert server.reading.fresh(now, 5, 4)
        fake.answers["/metrics"] = (500, b"")
        run(server.sample())
        assert server.reading.fresh(now, 5, 4)
        run(server.sample())
        assert not server.reading.fresh(now, 5, 4)
        assert server.reading.reason == "http_status"
        assert server.counts.failures["http_status"] == 2
        fake.answers["/metrics"] = (200, page(500))
        run(server.sample())
        assert server.reading.misses == 0
        assert server.models[0].restarts == 0


def test_old_data_is_not_fresh_even_if_nothing_failed() -> None:
    with FakeServer(metrics=(200, page(100))) as fake:
        server = watch(fake)
        run(server.sample())
        assert server.reading.time is not None
        assert server.reading.fresh(server.reading.time + 14, 5, 4)
        assert not server.reading.fresh(server.reading.time + 14.1, 5, 4)


@pytest.mark.parametrize(
    ("answer", "reason", "sentence"),
    [
        ((200, b"a b c\n"), "page_refused", "line 1"),
        ((200, b"\xff\xfe\n"), "page_refused", "not UTF-8"),
        ((200, b"python_info 1\n"), "no_engine", "--disable-log-stats"),
        ((404, b""), "http_status", "404"),
    ],
)
def test_faults_of_the_page_name_the_place(
    answer: tuple[int, bytes], reason: str, sentence: str
) -> None:
    with FakeServer(metrics=answer) as fake:
        server = watch(fake)
        run(server.sample())
        assert server.reading.reason == reason
        assert fake.url in server.reading.error
        assert sentence in server.reading.error


def test_a_restart_drops_identity_window_and_history_of_versions() -> None:
    with FakeServer(metrics=(200, page(100)), version=VERSION) as fake:
        server = watch(fake)
        run(server.sample())
        run(server.identify())
        fake.answers["/metrics"] = (200, page(900))
        run(server.sample())
        run(server.sample())
        assert server.reading.identity is not None
        fake.answers |= {
            "/metrics": (200, page(5, start=2000)),
            "/version": (200, b'{"version": "0.27.0"}'),
        }
        run(server.sample())
        assert server.models[0].restarts == 1
        assert server.reading.identity is None
        assert "window_seconds" not in server.reading.figures
        assert server.identity_due(0.0)
        run(server.identify())
        run(server.sample())
        assert server.reading.identity is not None
        assert server.reading.identity.release == "0.27.0"


def test_a_fact_goes_where_a_source_that_comes_late_knows_better_and_stays_where_one_fails() -> (
    None
):
    line = ["vllm", "serve", "m", "--max-num-seqs", "16"]
    config = {"device_config": {"device": "cpu"}, "parallel_config": {"data_parallel_size": 1}}
    answers = {
        "/version": VERSION[1],
        "/server_info?config_format=json": json.dumps({"vllm_config": config}).encode(),
    }

    def read(*paths: str) -> float | None:
        known = EndpointAnswers()
        known._bodies = {path: answers[path] for path in paths}
        served.identify(known, None, line, ray=False, resets=served.identity.resets)
        run(server.sample())
        assert server.reading.identity is not None
        assert server.reading.identity.text("version") == "0.26.0"
        return server.reading.identity.number("gpus")

    target = Target(url="http://127.0.0.1:9", name="s")
    with FakeServer(metrics=(200, page(100))) as fake:
        server = watch(fake)
        served = server.models[0]
        served.target = target
        run(server.sample())
        assert read("/version") == 1
        assert read(*answers) is None
        assert read("/version") is None
        assert read() is None


def test_an_engine_that_leaves_comes_back_or_restarts_does_not_touch_the_others() -> None:
    def gateway(*tokens: int | None) -> tuple[int, bytes]:
        lines = [
            f'sglang:{name}{{model_name="m",worker_addr="w{i}"}} {value}\n'
            for i, count in enumerate(tokens)
            if count is not None
            for name, value in (("num_running_reqs", 20), ("generation_tokens_total", count))
        ]
        return 200, "".join(lines).encode()

    with FakeServer(metrics=gateway(5000, 70_000)) as fake:
        server = watch(fake)
        restarts = []
        for tokens in ((5010, 70_010), (5020, None), (5030, 90_000), (5040, 90_010), (5050, 7)):
            fake.answers["/metrics"] = gateway(*tokens)
            run(server.sample())
            restarts.append(server.models[0].restarts)
        assert restarts == [0, 0, 0, 0, 1]
        fake.answers["/metrics"] = gateway(5, 9)
        run(server.sample())
        assert server.models[0].restarts == 2
        fake.answers["/metrics"] = gateway(6, 10)
        run(server.sample())
        assert "window_seconds" in server.reading.figures


def test_what_no_latency_can_be_is_corrected_and_noted() -> None:
    def waited(total: float) -> tuple[int, bytes]:
        more = (
            f'vllm:request_queue_time_seconds_sum{{engine="0",model_name="m"}} {total}\n'
            'vllm:request_queue_time_seconds_count{engine="0",model_name="m"} 9\n'
        )
        return 200, page(100) + more.encode()

    with FakeServer(metrics=waited(5.0)) as fake:
        server = watch(fake)
        run(server.sample())
        fake.answers["/metrics"] = waited(5.0 - 2.6e6)
        run(server.sample())
        reading = server.reading
        assert reading.snapshot is not None
        assert values(reading.snapshot, "queue_seconds", "_sum") == {"engine_index=0": 5.0}
        assert server.models[0].restarts == 0
        view = ServerView(server.models[0], reading, True, 0.0)
        notes = server_report(view)["notes"]
        assert isinstance(notes, list)
        assert any("the sum of queue_seconds moved" in note for note in notes)


def test_a_restart_while_the_server_was_away_is_seen_too() -> None:
    with FakeServer(metrics=(200, page(100)), version=VERSION) as fake:
        server = watch(fake)
        run(server.sample())
        run(server.identify())
        fake.answers["/metrics"] = (503, b"")
        run(server.sample())
        run(server.sample())
        fake.answers["/metrics"] = (200, page(5000, start=2000))
        run(server.sample())
        assert server.models[0].restarts == 1
        assert server.reading.identity is None


def test_an_identity_asked_for_before_a_restart_is_not_taken_after_it() -> None:
    with FakeServer(metrics=(200, page(100))) as fake:
        server = watch(fake)
        run(server.sample())

        def late() -> tuple[int, bytes]:
            fake.answers["/metrics"] = (200, page(1, start=2000))
            run(server.sample())
            return VERSION

        fake.answers["/version"] = late
        run(server.identify())
        run(server.sample())
        assert server.reading.identity is None


def test_load_cells_carry_the_release_that_was_running() -> None:
    def labels() -> dict[str, str]:
        return dict(server.reading.load.labels)

    with FakeServer(metrics=(200, page(100)), version=VERSION) as fake:
        server = watch(fake)
        run(server.sample())
        run(server.sample())
        assert server.reading.load.cells == {}
        assert set(server.reading.load.excluded) == {"unknown"}
        run(server.identify())
        for tokens in (200, 300, 400):
            fake.answers["/metrics"] = (200, page(tokens, running=4))
            run(server.sample())
        assert (labels()["engine"], labels()["release"]) == ("vllm", "0.26.0")
        cells = server.reading.load.cells
        # without latencies the batch is the running requests
        assert sum(work["decode_tokens"] for work in cells.values()) == 200
        assert {batch for _, batch in cells} == {"4"}
        fake.answers["/metrics"] = (200, page(1, start=2000))
        fake.answers["/version"] = (200, b'{"version": "0.27.0"}')
        run(server.sample())
        assert server.reading.load.cells == cells
        run(server.identify())
        run(server.sample())
        assert labels()["release"] == "0.27.0"
        assert server.reading.load.cells == {}


def test_a_young_server_is_left_out_of_the_load_cells() -> None:
    with FakeServer(metrics=(200, page(1, start=time.time() - 60)), version=VERSION) as fake:
        server = watch(fake)
        run(server.sample())
        run(server.identify())
        for _ in range(2):
            run(server.sample())
        assert server.reading.load.cells == {}
        assert set(server.reading.load.excluded) == {"unknown", "warm_up"}


def test_an_endpoint_that_fails_once_does_not_make_another_server() -> None:
    with FakeServer(metrics=(200, page(100)), version=VERSION) as fake:
        server = watch(fake)
        run(server.sample())
        run(server.identify())
        fake.answers["/version"] = (500, b"")
        run(server.identify())
        run(server.sample())
        assert server.reading.identity is not None
        assert server.reading.identity.text("version") == "0.26.0"


def test_a_stall_is_told_only_while_the_server_calls_itself_healthy() -> None:
    with FakeServer(metrics=(200, page(100)), health=(200, b"")) as fake:
        server = watch(fake, stall_after=0.0)
        run(server.sample())
        run(server.sample())
        assert server.reading.stalls == Stalls(no_progress=frozenset({"0"}))
        assert fake.hits["/health"] == 1
        fake.answers["/health"] = (503, b"")
        run(server.sample())
        assert server.reading.stalls == Stalls()
        fake.answers["/metrics"] = (200, page(101))
        run(server.sample())
        assert fake.hits["/health"] == 2


def test_a_large_page_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[str]()
    large = page(100) + b"# a remark\n" * 60_000
    with FakeServer(metrics=(200, large)) as fake:
        server = watch(fake)
        read = server._reader.read

        def noted(text: str, openmetrics: bool) -> Page:
            threads.append(current_thread().name)
            return read(text, openmetrics)

        monkeypatch.setattr(server._reader, "read", noted)
        run(server.sample())
        fake.answers["/metrics"] = (200, page(200))
        run(server.sample())
    assert threads[0] == "large page"
    assert threads[1] != "large page"
    assert server.reading.snapshot is not None


def test_sglangs_health_is_never_asked() -> None:
    text = b'sglang:num_running_reqs{model_name="m",tp_rank="0"} 1\n'
    info = json.dumps({"version": "0.5.23", "max_running_requests": 8, "tp_size": 1}).encode()
    with FakeServer(metrics=(200, text), server_info=(200, info), v1__models=(200, b"{}")) as fake:
        server = watch(fake, stall_after=0.0)
        for _ in range(3):
            run(server.sample())
        run(server.identify())
        assert server.reading.stalls.no_progress == {""}
        assert "/health" not in fake.hits


@pytest.mark.parametrize("broken", ["_reader", "_meter"])
def test_a_fault_of_the_exporter_itself_is_one_missed_sample(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    with FakeServer(metrics=(200, page(100))) as fake:
        server = watch(fake)
        run(server.sample())
        owner = server if broken == "_reader" else server.models[0]
        monkeypatch.setattr(owner, broken, None)
        run(server.sample())
        assert server.reading.reason == "internal"
