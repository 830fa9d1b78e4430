"""Servers whose pages hold several engines or several models, over their life."""

from collections.abc import Callable, Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config, Declaration, LoadCellSettings, Target
from exporter.derive.ratio import Ratio
from exporter.fetch import HttpClient
from exporter.publish.fleet import server_report
from exporter.publish.page import Publisher
from exporter.sampling.served_model import ServedModel
from exporter.sampling.view import ServerView
from exporter.sampling.watched_server import WatchedServer
from exporter.vocabulary.family import PREFIX
from tests.engine_pages import EngineState, Labels, engines, vllm_page
from tests.fakes import FakeServer
from tests.loop import run

Pages = Callable[[float], str]


class Clock:
    """A clock that stands where it is put; wall and monotonic time are the same."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("served_model", "watched_server"):
        monkeypatch.setattr(f"exporter.sampling.{module}.monotonic", clock)
    monkeypatch.setattr("exporter.sampling.served_model.time", clock)
    return clock


def watched(fake: FakeServer, **target: object) -> WatchedServer:
    declared = target.pop("declare", Declaration(version="0.25.0", max_num_seqs=32, gpus=2))
    config = Config(
        targets=[Target(url=fake.url, name="t", declare=declared, **target)],  # type: ignore[arg-type]
        interval=1.0,
        load=LoadCellSettings(warm_up=0.0),
    )
    return WatchedServer(config.targets[0], HttpClient(config.http, 1 << 24), config)


def follow(
    fake: FakeServer, server: WatchedServer, clock: Clock, pages: Pages, times: range
) -> None:
    """Sample a page of each time, in seconds since the first one."""
    for seconds in times:
        clock.now = 1000.0 + seconds
        fake.answers["/metrics"] = (200, pages(float(seconds)).encode())
        run(server.sample())
        if server.identity_due(clock.now):
            server.mark_identifying()
            run(server.identify())


def published(*models: ServedModel) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return the exporter's page by family: labels -> value."""
    views = [ServerView(m, m.reading, m.reading.misses == 0, 1.0) for m in models]
    families: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(Publisher().page(views, {}).decode()):
        for sample in family.samples:
            name = sample.name.removeprefix(PREFIX)
            families.setdefault(name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return families


def with_label(
    samples: Mapping[tuple[tuple[str, str], ...], float], name: str, value: str
) -> list[float]:
    return [number for labels, number in samples.items() if (name, value) in labels]


def ray(*replicas: str, rate: float = 400.0, model: str = "m", running: float = 24.0) -> Pages:
    labels: list[Labels] = [{"ReplicaId": r, "WorkerId": f"w{r}", "engine": "0"} for r in replicas]
    return lambda t: vllm_page(
        [
            EngineState(own, own, running, 1000 + rate * t)
            for own in ({**labels_, "model_name": model} for labels_ in labels)
        ],
        "ray_vllm_",
    )


def test_replicas_of_a_ray_node_have_seats_batches_and_cells_of_their_own(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, ray("a", "b"), range(12))
    (served,) = server.models
    reading = served.reading
    assert reading.figures["batch_occupancy_ratio"] == Ratio(48.0, 64.0)
    assert reading.figures["generation_tokens_per_second"] == pytest.approx(800.0)
    assert reading.figures["decode_batch_size"] == 48.0
    for engine in ("ReplicaId=a", "ReplicaId=b"):
        values = reading.engine_figures[engine]
        assert values["engine_decode_batch_size"] == 24.0
        assert values["engine_batch_occupancy_ratio"] == Ratio(24.0, 32.0)
        assert values["engine_bound"] == "demand"
        hits = values["engine_prefix_cache_hit_ratio"]
        assert isinstance(hits, Mapping)
        assert hits["local"].value == pytest.approx(0.25)
    assert {(engine, batch) for engine, batch in reading.load.cells} == {
        ("ReplicaId=a", "24"),
        ("ReplicaId=b", "24"),
    }
    page = published(served)
    labels = (("engine_index", "ReplicaId=a"), ("target", "t"))
    assert page["engine_batch_occupancy_ratio"][labels] == 0.75
    assert page["batch_occupancy_ratio"] == {(("target", "t"),): 0.75}
    report = server_report(ServerView(served, reading, True, 1.0))
    one = report["engines"]
    assert isinstance(one, dict)
    assert one["ReplicaId=b"]["engine_decode_batch_size"] == 24.0


def test_a_limit_that_more_requests_than_it_allows_run_under_gives_no_occupancy(
    clock: Clock,
) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, ray("a", running=48.0), range(4))
    reading = server.reading
    assert "batch_occupancy_ratio" not in reading.figures
    report = server_report(ServerView(server.models[0], reading, True, 1.0))
    assert any("max_num_seqs (32, by declared)" in note for note in report["notes"])  # type: ignore[attr-defined]


def test_counters_of_more_engines_than_the_gauges_show_give_no_batch(clock: Clock) -> None:
    def page(t: float) -> str:
        own = {"model_name": "m", "engine": "0"}
        return vllm_page([EngineState(own, own, 24.0, 1000 + 9500 * t)])

    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, page, range(6))
    figures = server.reading.figures
    # 95 sequences decode where 32 may run
    assert not {"decode_batch_size", "batch_occupancy_ratio"} & figures.keys()
    assert figures["generation_tokens_per_second"] == pytest.approx(9500.0)


def test_a_server_of_one_engine_has_no_figures_of_an_engine(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, ray("a"), range(4))
    assert server.reading.engine_figures == {}
    page = published(server.models[0])
    assert not any(name.startswith("engine_b") for name in page)
    assert page["batch_occupancy_ratio"] == {(("target", "t"),): 0.75}


def test_a_page_that_stands_still_between_reports_is_not_idle(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        pages = ray("a", "b")
        follow(fake, server, clock, lambda t: pages(t // 10 * 10), range(42))
    reading = server.reading
    assert reading.time == 1041.0
    assert reading.figures["window_seconds"] == pytest.approx(30.0, abs=11)
    assert reading.figures["generation_tokens_per_second"] == pytest.approx(800.0, rel=0.05)
    assert {batch for _, batch in reading.load.cells} == {"24"}
    for work in reading.load.cells.values():
        assert work["decode_tokens"] / work["seconds"] == pytest.approx(360.0, rel=0.05)


def test_a_page_that_stands_still_for_long_is_idle(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        pages = ray("a")
        follow(fake, server, clock, lambda t: pages(min(t, 5.0)), range(80))
    assert server.reading.figures["generation_tokens_per_second"] == 0.0


def test_a_page_of_an_engines_own_is_read_as_it_stands(clock: Clock) -> None:
    page = vllm_page(engines([{"engine": "0"}], model_name="m"))
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, lambda t: page, range(5))
    assert server.reading.figures["window_seconds"] == pytest.approx(3.0)


def test_a_replica_that_joins_is_no_restart_and_names_stay_when_it_leaves(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, ray("a"), range(5))
        follow(fake, server, clock, ray("a", "b"), range(5, 10))
        assert server.models[0].restarts == 0
        follow(fake, server, clock, ray("a"), range(10, 15))
    snapshot = server.reading.snapshot
    assert snapshot is not None
    assert snapshot.plan.engines == ("ReplicaId=a",)


def two_models(t: float) -> str:
    return ray("a", "b", model="small")(t) + ray("c", rate=50.0, model="org/large", running=4.0)(t)


def test_each_model_of_a_page_is_a_server(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, two_models, range(12))
    large, small = server.models
    assert (large.target.label, small.target.label) == ("t/org/large", "t/small")
    assert small.reading.figures["generation_tokens_per_second"] == pytest.approx(800.0)
    assert small.reading.figures["batch_occupancy_ratio"] == Ratio(48.0, 64.0)
    assert large.reading.figures["generation_tokens_per_second"] == pytest.approx(50.0)
    assert large.reading.figures["batch_occupancy_ratio"] == Ratio(4.0, 32.0)
    page = published(large, small)
    assert page["target_up"] == {(("target", "t/org/large"),): 1, (("target", "t/small"),): 1}
    assert {dict(labels)["target"] for labels in page["load_seconds_total"]} == {
        "t/org/large",
        "t/small",
    }
    assert {dict(labels)["model"] for labels in page["server_info"]} == {"org/large", "small"}
    assert with_label(page["generation_tokens_total"], "target", "t/org/large") == [1550.0]


def test_gpus_and_limits_of_a_model_are_known_only_where_they_are_its_own(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(
            fake,
            declare=Declaration(version="0.25.0", gpus=8, tensor_parallel=4),
            models={"small": Declaration(gpus=2, max_num_seqs=32)},
        )
        fake.answers["/v1/models"] = (200, b'{"data": [{"id": "small", "max_model_len": 4096}]}')
        fake.answers["/server_info"] = (
            200,
            b'{"vllm_config": {"scheduler_config": {"max_num_seqs": 7}}}',
        )
        follow(fake, server, clock, two_models, range(6))
    large, small = (model.reading for model in server.models)
    assert "generation_tokens_per_second_per_gpu" not in large.figures
    assert "batch_occupancy_ratio" not in large.figures
    rate = small.figures["generation_tokens_per_second_per_gpu"]
    assert isinstance(rate, Ratio)
    assert rate.denominator == 2
    assert small.figures["batch_occupancy_ratio"] == Ratio(48.0, 64.0)
    assert small.identity is not None
    assert large.identity is not None
    assert small.identity.number("max_model_len") == 4096
    assert large.identity.number("max_model_len") is None
    assert large.identity.number("gpus") is None
    report = server_report(ServerView(server.models[0], large, True, 1.0))
    assert "several models (org/large, small)" in str(report["notes"])


def test_a_server_answers_for_one_engine_of_a_page_that_collects_several(clock: Clock) -> None:
    own = b'{"version": "0.25.0"}'
    with FakeServer(version=(200, own)) as fake:
        server = watched(fake, declare=Declaration(tensor_parallel=1, max_num_seqs=32))
        follow(fake, server, clock, ray("a", "b"), range(4))
        identity = server.reading.identity
        assert identity is not None
        assert identity.number("gpus") is None
        report = server_report(ServerView(server.models[0], server.reading, True, 1.0))
        assert "declare gpus" in str(report["notes"])
        follow(fake, server, clock, ray("a"), range(4, 6))


def test_a_model_that_leaves_the_page_is_down_and_then_forgotten(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, two_models, range(5))
        small = ray("a", "b", model="small")
        follow(fake, server, clock, small, range(5, 10))
        large, other = server.models
        assert (large.target.label, large.reading.misses) == ("t/org/large", 5)
        assert "org/large" in large.reading.error
        assert other.reading.misses == 0
        follow(fake, server, clock, small, range(1000, 1003))
    assert [model.target.label for model in server.models] == ["t/small"]


def test_a_second_model_ends_the_series_of_the_first_under_the_targets_name(clock: Clock) -> None:
    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, ray("a", "b", model="small"), range(5))
        assert [model.target.label for model in server.models] == ["t"]
        follow(fake, server, clock, two_models, range(5, 8))
        assert [model.target.label for model in server.models] == ["t/org/large", "t/small"]
        fake.answers["/metrics"] = (500, b"")
        run(server.sample())
        run(server.sample())
    assert all(model.reading.misses for model in server.models)
    page = published(*server.models)
    assert set(page["target_up"].values()) == {0.0}


def test_a_label_nobody_knows_leaves_figures_and_stalls_out(clock: Clock) -> None:
    def pages(t: float) -> str:
        own = {"model_name": "m"}
        states = [EngineState(own, {**own, "flavour": f}, tokens=1000 + 10 * t) for f in "ab"]
        return "".join(dict.fromkeys(vllm_page(states).splitlines(keepends=True)))

    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, pages, range(6))
    reading = server.reading
    shown = {"window_seconds", "kv_cache_usage_ratio", "kv_cache_usage_mean_ratio"}
    assert set(reading.figures) == shown
    assert reading.load.cells == {}
    assert reading.load.excluded["unknown"] > 0
    page = published(server.models[0])
    for family in ("engine_stalled", "requests_running", "generation_tokens_total", "bound"):
        assert family not in page
    report = server_report(ServerView(server.models[0], reading, True, 1.0))
    assert "'flavour'" in str(report["notes"])


def test_cells_of_replicas_that_have_gone_make_room_for_those_of_new_ones(clock: Clock) -> None:
    def page(t: float) -> str:
        """Return the page of a node whose replica is another one every four seconds."""
        now = int(t) // 4
        text = ray(*(f"r{i}" for i in range(now + 1)))(t)
        kept = (
            line
            for line in text.splitlines(keepends=True)
            if f'ReplicaId="r{now}"' in line or "_running{" not in line
        )
        return "".join(kept)

    with FakeServer() as fake:
        target = Target(url=fake.url, declare=Declaration(version="0.25.0"))
        load = LoadCellSettings(warm_up=0.0, max_cells=2)
        config = Config(targets=[target], interval=1.0, load=load)
        server = WatchedServer(target, HttpClient(config.http, 1 << 24), config)
        follow(fake, server, clock, page, range(24))
    load_cells = server.reading.load
    assert ("ReplicaId=r5", "24") in load_cells.cells
    assert len(load_cells.cells) <= 2
    assert "cap" not in load_cells.excluded


def test_reports_of_replicas_at_different_moments_are_all_counted(clock: Clock) -> None:
    def page(t: float) -> str:
        early, late = t // 10 * 10, max((t - 5) // 10 * 10 + 5, 0.0)
        one, other = ray("a")(early), ray("b")(late)
        return one + other

    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, page, range(120))
    reading = server.reading
    assert reading.figures["generation_tokens_per_second"] == pytest.approx(800.0, rel=0.1)
    assert set(reading.load.excluded) <= {"unknown"}
    assert set(reading.load.cells) == {("ReplicaId=a", "24"), ("ReplicaId=b", "24")}
    for work in reading.load.cells.values():
        assert work["decode_tokens"] / work["seconds"] == pytest.approx(360.0, rel=0.1)
        assert work["decode_sequence_seconds"] / work["seconds"] == pytest.approx(24.0)


def test_a_replica_without_gauges_is_no_seat_and_no_restart(clock: Clock) -> None:
    def page(t: float) -> str:
        text = ray("a", "b")(t)
        if 10 <= t < 20:
            text = "".join(
                line
                for line in text.splitlines(keepends=True)
                if 'ReplicaId="b"' not in line or "_running{" not in line
            )
        return text

    with FakeServer() as fake:
        server = watched(fake)
        follow(fake, server, clock, page, range(16))
        served = server.models[0]
        assert served.reading.snapshot is not None
        assert served.reading.snapshot.plan.engines == ("ReplicaId=a",)
        follow(fake, server, clock, page, range(16, 30))
    assert served.restarts == 0
    assert served.reading.figures["generation_tokens_per_second"] == pytest.approx(800.0)
    assert served.reading.load.cells["ReplicaId=b", "24"]["seconds"] > 10
