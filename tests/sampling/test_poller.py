"""The loop: everyone is sampled, nobody holds up another, configurations come and go."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from threading import Event
from time import monotonic

import pytest

from exporter.base.errors import ConfigError
from exporter.config import (
    Declaration,
    DiscoverySettings,
    DnsSdSettings,
    FileSdSettings,
    GpuPageSettings,
    GpuSettings,
    HttpSettings,
    KubernetesSdSettings,
    Target,
)
from exporter.discovery import Discoverer
from exporter.discovery.dns_sd import DnsSource
from exporter.gpu.attribution import GpuInventory, GpuUser, Link
from exporter.gpu.reading import GpuReading
from exporter.sampling.poller import Poller
from tests.discovery.fake_kube import FakeKube, pod
from tests.fakes import FakeServer, page
from tests.sampling.polled import polling, quick, targets
from tests.waiting import until


def test_every_server_is_sampled_and_identified() -> None:
    with FakeServer(metrics=(200, page(1)), version=(200, b'{"version":"0.26.0"}')) as fake:
        config = quick(targets(fake.url, fake.url + "/"))
        with polling(config) as poller:
            until(lambda: all(s.reading.identity for s in poller.servers()))
            assert poller.ready()
            assert [s.target.label for s in poller.servers()] == ["s0", "s1"]


def test_servers_come_and_go_with_their_files(tmp_path: Path) -> None:
    listed = tmp_path / "servers.json"
    with FakeServer(metrics=(200, page(1))) as fake:
        address = fake.url.removeprefix("http://")
        labels = [f"{gethostname()}:{address.partition(':')[2]}"]
        listed.write_text(json.dumps([{"targets": [address]}]), encoding="utf-8")
        found = FileSdSettings(files=[str(listed)], refresh=0.1)
        config = quick([], discovery=DiscoverySettings(file_sd=[found]))
        with polling(config) as poller:
            until(lambda: [s.target.label for s in poller.servers()] == labels)
            kept = poller.servers()[0]
            until(lambda: kept.reading.snapshot)
            listed.write_text(json.dumps([{"targets": [address, "127.0.0.1:1"]}]), encoding="utf-8")
            until(lambda: len(poller.servers()) == 2)
            assert kept in poller.servers()
            listed.write_text("[{", encoding="utf-8")
            until(lambda: poller.problems())
            assert len(poller.servers()) == 2
            listed.write_text("[]", encoding="utf-8")
            until(lambda: not poller.servers())
            assert kept.closed


@contextmanager
def silent_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Hold every look-up of DNS discovery until the event that is yielded, or the end."""
    released = Event()
    monkeypatch.setattr(DnsSource, "refresh", lambda _: released.wait(30))
    yield released
    released.set()


def test_a_source_that_hangs_delays_neither_start_nor_servers_nor_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "servers.json"
    listed.write_text(json.dumps([{"targets": ["127.0.0.1:1"]}]), encoding="utf-8")
    found = DiscoverySettings(
        file_sd=[FileSdSettings(files=[str(listed)])],
        dns_sd=[DnsSdSettings(names=["silent.example"])],
    )
    with FakeServer(metrics=(200, page(1))) as fake, silent_names(monkeypatch) as released:
        with polling(quick(targets(fake.url), found)) as poller:
            assert len(poller.servers()) == 1
            until(lambda: len(poller.servers()) == 2)
            until(lambda: all(s.reading.time or s.reading.misses for s in poller.servers()))
            assert not poller.ready()
            start = monotonic()
        assert monotonic() - start < 3
        released.set()


def test_it_is_ready_when_every_source_has_answered_and_every_server_is_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = DiscoverySettings(dns_sd=[DnsSdSettings(names=["silent.example"])])
    with (
        FakeServer(metrics=(200, page(1))) as fake,
        silent_names(monkeypatch) as released,
        polling(quick(targets(fake.url), found)) as poller,
    ):
        until(lambda: poller.servers()[0].reading.time)
        assert not poller.ready()
        released.set()
        until(poller.ready)


def test_servers_known_before_a_reload_stay_until_the_new_source_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "servers.json"
    listed.write_text(json.dumps([{"targets": ["127.0.0.1:1"]}]), encoding="utf-8")
    found = DiscoverySettings(file_sd=[FileSdSettings(files=[str(listed)])])
    with polling(quick([], found)) as poller, silent_names(monkeypatch) as released:
        until(lambda: len(poller.servers()) == 1)
        kept = poller.servers()
        silent = DiscoverySettings(dns_sd=[DnsSdSettings(names=["silent.example"])])
        poller.reload(quick([], silent))
        assert poller.servers() == kept
        released.set()
        until(lambda: not poller.servers())


def test_a_fault_of_discovery_itself_is_a_problem_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> bool:
        raise KeyError("oops")

    found = DiscoverySettings(file_sd=[FileSdSettings(files=["none.json"])])
    with FakeServer(metrics=(200, page(1))) as fake:
        with monkeypatch.context() as patch:
            patch.setattr(Discoverer, "refresh", fail)
            poller = Poller(quick(targets(fake.url), found))
            poller.start()
            until(poller.problems)
            (problem,) = poller.problems()
            assert problem == "discovery failed: KeyError: 'oops'; the servers stay as they are"
        try:
            until(lambda: "none.json is not there" in str(poller.problems()))
            until(poller.ready)
        finally:
            poller.stop()


def test_a_server_that_went_leaves_no_connection_behind(tmp_path: Path) -> None:
    listed = tmp_path / "targets.json"
    with FakeServer(metrics=(200, page(1))) as fake:
        listed.write_text(json.dumps([{"targets": [fake.url.removeprefix("http://")]}]))
        found = DiscoverySettings(file_sd=[FileSdSettings(files=[str(listed)], refresh=0.01)])
        with polling(quick([], discovery=found)) as poller:
            # a sample is counted as it begins, before anything is connected
            until(lambda: fake.connected)
            until(lambda: [s for s in poller.servers() if s.reading.time is not None])
            listed.write_text("[]")
            until(lambda: not fake.connected)


def test_a_server_that_went_while_it_was_sampled_shares_no_gpu_with_its_successor() -> None:
    entered, held = Event(), Event()

    def slow() -> tuple[int, bytes]:
        entered.set()
        held.wait(10)
        return 200, page(1)

    with FakeServer(metrics=(200, page(1))) as fake:
        fake.answers["/metrics"] = slow
        one = Target(url=fake.url, name="old", declare=Declaration(gpu_uuids=("GPU-0",)))
        config = quick([one]).model_copy(update={"timeout": 10.0})
        with polling(config) as poller:
            gpu = GpuReading("GPU-0", "NVIDIA H200", "nvml", 0.0, {})
            poller.telemetry.inventory = GpuInventory({"GPU-0": gpu})
            (old,) = poller.servers()
            entered.wait(10)
            poller.reload(config.model_copy(update={"targets": []}))
            held.set()
            until(lambda: old.counts.scrapes and old.closed)
            user = GpuUser("new", uuids=("GPU-0",))

            def alone() -> bool:
                link = poller.telemetry.link(user)
                return isinstance(link, Link) and not link.shared

            until(alone)


def test_a_refused_reload_follows_no_pods(tmp_path: Path) -> None:
    with FakeKube().running() as kube:
        config = quick([])
        with polling(config) as poller:
            section = KubernetesSdSettings(selector="app=vllm", api_server=kube.url)
            bad = config.model_copy(
                update={
                    "discovery": DiscoverySettings(kubernetes=[section]),
                    "gpu": GpuSettings(
                        pages=[GpuPageSettings(url="h:1")],
                        http=HttpSettings(ca_file=tmp_path / "none"),
                    ),
                }
            )
            with pytest.raises(ConfigError):
                poller.reload(bad)
            assert not kube.asked


def test_a_reload_keeps_what_did_not_change() -> None:
    with FakeServer(metrics=(200, page(1))) as fake:
        config = quick(targets(fake.url))
        with polling(config) as poller:
            held = poller.servers()[0]
            more = config.model_copy(update={"targets": targets(fake.url, fake.url)})
            poller.reload(more)
            assert poller.servers()[0] is held
            assert len(poller.servers()) == 2
            slower = more.model_copy(update={"window": 30.0})
            poller.reload(slower)
            assert poller.servers()[0] is not held
            assert held.closed


def test_a_reload_begins_anew_with_gpus_only_where_their_settings_changed() -> None:
    config = quick(targets("http://127.0.0.1:1"))
    with polling(config) as poller:
        held = poller.telemetry
        poller.reload(config.model_copy(update={"stall_after": 5.0}))
        assert poller.telemetry is held
        poller.reload(config.model_copy(update={"gpu": GpuSettings(nvml=False)}))
        assert poller.telemetry is not held
        assert poller.telemetry.sources(0.0) == []


def test_an_unusable_configuration_changes_nothing(tmp_path: Path) -> None:
    config = quick(targets("http://127.0.0.1:1"))
    with polling(config) as poller:
        held = poller.servers()[0]
        bad = config.model_copy(
            update={"http": config.http.model_copy(update={"ca_file": tmp_path / "none"})}
        )
        with pytest.raises(ConfigError):
            poller.reload(bad)
        assert poller.config is config
        assert poller.servers()[0] is held


def test_pods_are_sampled_and_keep_their_readings_over_a_reload() -> None:
    with FakeKube().running() as kube, FakeServer(metrics=(200, page(1))) as fake:
        port = int(fake.url.rpartition(":")[2])
        ports = [{"name": "http", "containerPort": port}]
        kube.put(pod("a", "127.0.0.1", spec__containers__0__ports=ports))
        section = KubernetesSdSettings(selector="app=vllm", api_server=kube.url)
        config = quick([], discovery=DiscoverySettings(kubernetes=[section]))
        with polling(config) as poller:
            until(lambda: [s for s in poller.servers() if s.reading.identity])
            (server,) = poller.servers()
            assert server.target.label == server.target.declare.pod == "inference/a"
            identity = server.reading.identity
            assert identity is not None
            assert (identity.number("max_num_seqs"), identity.source("max_num_seqs")) == (
                128,
                "command_line",
            )
            assert (identity.text("version"), identity.source("version")) == ("0.20.2", "pod")

            kube.refuse["list"] = 500, {}
            poller.reload(config)
            assert list(poller.servers()) == [server]

            kube.remove(kube.pods["uid-inference-a"])
            until(lambda: not poller.servers())
