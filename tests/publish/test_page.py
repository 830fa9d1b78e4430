"""The page the exporter publishes: valid, complete, documented, and free of stale data."""

import shutil
import subprocess
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config, Declaration, Target
from exporter.derive.meter import LoadCells
from exporter.engines.plan import Labels
from exporter.fetch import HttpClient
from exporter.publish.families import PUBLISHED
from exporter.publish.page import Publisher
from exporter.replay.recording import Recording
from exporter.replay.server import ReplayServer
from exporter.sampling.view import ServerView
from exporter.sampling.watched_server import WatchedServer
from exporter.vocabulary.engine import BUCKETS, HISTOGRAMS
from exporter.vocabulary.family import PREFIX
from exporter.vocabulary.states import EXCLUSIONS
from tests.conftest import RECORDINGS, cached_load
from tests.fakes import FakeServer, page
from tests.loop import run


class Clock:
    """A clock that stands where it is put."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(recording: Recording, name: str, at: tuple[float, ...] = (60.0, 65.0)) -> ServerView:
    """Return a recording's server after samples at some recorded seconds."""
    clock = Clock()
    with ReplayServer([recording], clock=clock, loop=False) as replay:
        target = Target(url=replay.urls[0], name=name, declare=Declaration(gpus=1))
        server = WatchedServer(target, HttpClient(Config().http, 1 << 24), Config(window=1000))
        for seconds in at:
            clock.now = seconds
            run(server.sample())
            run(server.identify())
        run(server.sample())
    assert server.reading.error == ""
    assert server.reading.time is not None
    return ServerView(server.models[0], server.reading, True, server.reading.time + 1.0)


def text(*fleet: ServerView, buckets: Collection[str] = BUCKETS) -> str:
    return Publisher(buckets).page(fleet, {"discovery_problems": [((), 0.0)]}).decode()


@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_the_page_reads_back_as_what_was_derived(name: str) -> None:
    if "restart" in name:
        shown = watched(cached_load(RECORDINGS[name]), name, (10.0, 15.0))
    else:
        shown = watched(cached_load(RECORDINGS[name]), name, (30.0, 40.0))
    everything = text(shown, buckets=HISTOGRAMS)
    families = {f.name: f for f in text_string_to_metric_families(everything)}
    snapshot = shown.reading.snapshot
    assert snapshot is not None
    told = 0
    for sample, value in zip(snapshot.plan.samples, snapshot.values, strict=True):
        if value != value:
            continue
        family = families[(PREFIX + sample.family).removesuffix("_total")]
        labels = {"target": name, **dict(sample.labels)}
        assert [
            s.value
            for s in family.samples
            if s.name == PREFIX + sample.family + sample.suffix and s.labels == labels
        ] == [value]
        told += 1
    assert told > 150


def test_every_family_is_documented_once_and_has_its_labels() -> None:
    known = {PREFIX + family.name: family for family in PUBLISHED}
    assert len(known) == len(PUBLISHED)
    shown = [watched(cached_load(path), name, (30.0,)) for name, path in RECORDINGS.items()]
    for parsed in text_string_to_metric_families(text(*shown)):
        name = parsed.name + ("_total" if parsed.type == "counter" else "")
        family = known[name]
        assert parsed.type == family.kind
        assert parsed.documentation == family.help
        allowed = {*family.labels, "target", "engine_index", "model", "le"}
        for sample in parsed.samples:
            assert set(sample.labels) <= allowed


@pytest.mark.parametrize("buckets", [(), BUCKETS, ("queue_seconds",), HISTOGRAMS])
def test_buckets_are_of_the_histograms_chosen_and_the_rest_is_of_all(
    buckets: Collection[str],
) -> None:
    shown = watched(cached_load(RECORDINGS["vllm-0.32.0-dp2-cpu"]), "a")
    everything = text(shown, buckets=HISTOGRAMS).splitlines()
    chosen = {PREFIX + name for name in buckets}
    kept = [
        line
        for line in everything
        for name, is_bucket, _ in (line.split("{")[0].partition("_bucket"),)
        if not is_bucket or name in chosen
    ]
    assert text(shown, buckets=buckets).splitlines() == kept
    assert len(kept) < len(everything) or buckets is HISTOGRAMS
    assert f'{PREFIX}queue_seconds_count{{target="a"' in "\n".join(kept)


def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    names = ("vllm-dense-0.26.0", "sglang-0.5.23-basic-cpu", "vllm-0.32.0-dp2-cpu")
    page_text = text(*(watched(cached_load(RECORDINGS[n]), n, (30.0, 40.0)) for n in names))
    found = subprocess.run(
        [promtool, "check", "metrics"],
        input=page_text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_families_of_several_servers_stand_together() -> None:
    dense = cached_load(RECORDINGS["vllm-dense-0.26.0"])
    lines = text(watched(dense, "a"), watched(dense, "b")).splitlines()
    headers = [line for line in lines if line.startswith("# TYPE")]
    assert len(headers) == len(set(headers))
    assert sum(line.startswith("inferfleet_generation_tokens_total{") for line in lines) == 2


def test_a_stale_server_shows_its_health_and_no_data() -> None:
    shown = watched(cached_load(RECORDINGS["vllm-dense-0.26.0"]), "a")
    stale = ServerView(shown.server, shown.reading, False, shown.now)
    lines = [line for line in text(stale).splitlines() if 'target="a"' in line]
    names = {line.split("{")[0].removeprefix(PREFIX) for line in lines}
    assert "target_up" in names
    assert f'{PREFIX}target_up{{target="a"}} 0.0' in lines
    assert names <= {
        "target_up",
        "target_loading",
        "scrape_age_seconds",
        "scrape_duration_seconds",
        "scrapes_total",
        "scrapes_skipped_total",
        "scrape_failures_total",
        "server_restarts_total",
        "series_left_out",
    }


def test_cells_show_what_was_counted_under_the_release_that_did_it() -> None:
    shown = watched(cached_load(RECORDINGS["vllm-dense-0.26.0"]), "a")
    publisher = Publisher()

    def lines(load: LoadCells) -> list[str]:
        one = replace(shown, reading=replace(shown.reading, load=load))
        page_text = publisher.page([one], {}).decode()
        return [line for line in page_text.splitlines() if line.startswith(f"{PREFIX}load_")]

    old: Labels = (("engine", "vllm"), ("release", "old"))
    cells = {("0", "16"): {"seconds": 5.0, "decode_tokens": 90.0}, ("", "idle"): {"seconds": 1.5}}
    assert lines(LoadCells(old, cells, {"gap": 7.0})) == [
        f'{PREFIX}load_{quantity}_total{{target="a",{labels}}} {value}'
        for quantity, labels, value in (
            ("seconds", 'engine_index="0",engine="vllm",release="old",batch="16"', 5.0),
            ("seconds", 'engine="vllm",release="old",batch="idle"', 1.5),
            ("decode_tokens", 'engine_index="0",engine="vllm",release="old",batch="16"', 90.0),
            *(
                ("excluded_seconds", f'reason="{reason}"', 7.0 if reason == "gap" else 0.0)
                for reason in EXCLUSIONS
            ),
        )
    ]
    new: Labels = (("engine", "vllm"), ("release", "new"))
    later = lines(LoadCells(new, {("0", "16"): {"seconds": 5.0}}))
    assert [line for line in later if "release" in line] == [
        f'{PREFIX}load_seconds_total{{target="a",engine_index="0",engine="vllm",release="new",'
        'batch="16"} 5.0'
    ]


def test_a_server_never_reached_has_no_age() -> None:
    target = Target(url="http://127.0.0.1:1", name="a")
    server = WatchedServer(target, HttpClient(Config().http, 1 << 20), Config())
    run(server.sample())
    page_text = text(ServerView(server.models[0], server.reading, False, 5.0))
    assert "scrape_age_seconds{" not in page_text
    assert 'scrape_failures_total{target="a",reason="connect"} 1.0' in page_text


def test_label_values_are_escaped() -> None:
    name = 'a"b\\c\nd'
    with FakeServer(metrics=(200, page(1))) as fake:
        target = Target(url=fake.url).model_copy(update={"name": name})
        server = WatchedServer(target, HttpClient(Config().http, 1 << 20), Config())
        run(server.sample())
    shown = ServerView(server.models[0], server.reading, True, server.reading.time or 0.0)
    for family in text_string_to_metric_families(text(shown)):
        for sample in family.samples:
            assert sample.labels.get("target", name) == name


def test_the_publisher_forgets_servers_that_went() -> None:
    dense = cached_load(RECORDINGS["vllm-dense-0.26.0"])
    publisher, one, two = Publisher(), watched(dense, "a"), watched(dense, "b")
    both = publisher.page([one, two], {})
    assert b'target="b"' in both
    assert b'target="b"' not in publisher.page([one], {})
    assert publisher.page([one, two], {}) == both


@pytest.mark.parametrize(
    "name", ["vllm-dense-0.26.0", "sglang-0.5.23-basic-cpu", "vllm-0.32.0-dp2-cpu"]
)
def test_recorded_pages_give_the_golden_series(
    name: str, golden: Callable[[str, str], None]
) -> None:
    shown = watched(cached_load(RECORDINGS[name]), name, (30.0, 40.0))
    clocked = ("scrape_", "window_", "_per_gpu", "decode_batch", "build_info", "start_", "_load_")
    lines = [
        line
        for line in text(shown).splitlines()
        if not line.startswith("#") and not any(word in line for word in clocked)
    ]
    golden(f"{name}.metrics", "\n".join(lines) + "\n")
