"""The sources become one set: listed first, then files, then DNS, one server per label."""

import json
from functools import partial
from math import inf
from pathlib import Path
from threading import Event, Thread

import pytest

from exporter import discovery
from exporter.base.errors import ConfigError
from exporter.config import Config
from exporter.discovery import Discoverer
from exporter.discovery.dns_sd import DnsSource
from tests.waiting import until

from .conftest import NameServer


def _file(path: Path, *addresses: str) -> str:
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(json.dumps([{"targets": addresses}]))
    return str(fresh.rename(path))


def _labels(discoverer: Discoverer) -> list[str]:
    return [target.label for target in discoverer.targets()]


def _config(targets: list[str], **found: list[dict[str, object]]) -> Config:
    return Config.model_validate({"targets": targets, "discovery": found})


@pytest.fixture
def dns(name_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    """A name server that every look-up goes to."""
    source = partial(DnsSource, resolver=name_server.resolver)
    monkeypatch.setattr(discovery, "DnsSource", source)
    return name_server


def test_listed_targets_are_known_at_once() -> None:
    discoverer = Discoverer(_config(["b:1", "a:1"]))
    assert _labels(discoverer) == ["b:1", "a:1"]
    assert not discoverer.refresh(0.0, wait=30.0)
    assert discoverer.problems() == ()


def test_sources_follow_the_listed_targets(tmp_path: Path, dns: NameServer) -> None:
    dns.records["pods.example", "A"] = ["10.0.0.1"]
    files = [_file(tmp_path / "a.json", "f:1")]
    config = _config(
        ["s:1"],
        dns_sd=[{"names": ["pods.example"], "type": "A", "port": 1}],
        file_sd=[{"files": files}],
    )
    discoverer = Discoverer(config)
    assert discoverer.refresh(0.0, wait=30.0)
    assert _labels(discoverer) == ["s:1", "f:1", "10.0.0.1:1"]


def test_first_of_two_with_one_label_wins(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.json", "s:1", "f:1", "f:1")
    discoverer = Discoverer(_config(["https://s:1"], file_sd=[{"files": [path]}]))
    discoverer.refresh(0.0, wait=30.0)
    assert [target.url for target in discoverer.targets()] == ["https://s:1", "http://f:1"]
    mend = "give it another name or list it once"
    assert discoverer.problems() == (
        f"{path}: a target called 's:1' is already known from targets, so http://s:1 is left out; "
        f"{mend}",
        f"{path}: a target called 'f:1' is already known from {path}, so http://f:1 is left out; "
        f"{mend}",
    )


def test_the_next_refresh_is_that_of_the_source_due_first(tmp_path: Path) -> None:
    assert Discoverer(_config(["a:1"])).next_refresh() == inf
    sections: list[dict[str, object]] = [
        {"files": [_file(tmp_path / f"{seconds}.json", "f:1")], "refresh": f"{seconds}s"}
        for seconds in (60, 5)
    ]
    discoverer = Discoverer(_config([], file_sd=sections))
    assert discoverer.next_refresh() == -inf
    discoverer.refresh(100.0, wait=30.0)
    assert discoverer.next_refresh() == 105.0


def test_each_source_is_read_when_it_is_due(tmp_path: Path) -> None:
    fast, slow = tmp_path / "fast.json", tmp_path / "slow.json"
    sections: list[dict[str, object]] = [
        {"files": [_file(fast, "f:1")], "refresh": "5s"},
        {"files": [_file(slow, "s:1")], "refresh": "1m"},
    ]
    discoverer = Discoverer(_config([], file_sd=sections))
    assert discoverer.refresh(100.0, wait=30.0)
    _file(fast, "f:2")
    _file(slow, "s:2")
    assert not discoverer.refresh(104.9, wait=30.0)
    assert discoverer.refresh(105.0, wait=30.0)
    assert _labels(discoverer) == ["f:2", "s:1"]
    assert not discoverer.refresh(110.0, wait=30.0)
    assert discoverer.refresh(160.0, wait=30.0)
    assert _labels(discoverer) == ["f:2", "s:2"]


def test_fault_of_one_source_costs_the_others_nothing(tmp_path: Path, dns: NameServer) -> None:
    dns.broken.add("pods.example")
    path = _file(tmp_path / "a.json", "f:1")
    dns_sd: list[dict[str, object]] = [{"names": ["pods.example"], "refresh": 5}]
    discoverer = Discoverer(_config([], file_sd=[{"files": [path]}], dns_sd=dns_sd))
    assert discoverer.refresh(0.0, wait=30.0)
    assert _labels(discoverer) == ["f:1"]
    assert len(discoverer.problems()) == 1

    dns.broken.clear()
    dns.records["pods.example", "SRV"] = ["0 0 1 p.example."]
    assert discoverer.refresh(5.0, wait=30.0)
    assert _labels(discoverer) == ["f:1", "p.example:1"]
    assert discoverer.problems() == ()


def _with_files_and_dns(tmp_path: Path) -> tuple[Discoverer, Path]:
    path = tmp_path / "a.json"
    dns_sd: list[dict[str, object]] = [{"names": ["pods.example"], "refresh": "1h"}]
    files: list[dict[str, object]] = [{"files": [_file(path, "f:1")], "refresh": "1s"}]
    return Discoverer(_config([], file_sd=files, dns_sd=dns_sd)), path


def test_a_source_that_hangs_holds_back_no_other_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    discoverer, path = _with_files_and_dns(tmp_path)
    go_on = Event()
    monkeypatch.setattr(DnsSource, "refresh", lambda _: go_on.wait(30))
    until(lambda: discoverer.refresh(0.0, wait=0.01))
    assert _labels(discoverer) == ["f:1"]
    assert not discoverer.answered()
    assert discoverer.problems() == ()

    _file(path, "f:2")
    discoverer.refresh(10.0, wait=0.01)
    until(lambda: discoverer.refresh(10.0, wait=0.01) or _labels(discoverer) == ["f:2"])
    assert not discoverer.answered()
    assert discoverer.next_refresh() == -inf
    assert discoverer.refresh(11.0, wait=0.01)
    assert discoverer.answered()
    assert discoverer.problems() == (
        "discovery.dns_sd.0 has not answered within 10 s; the servers known from it stay in force",
    )

    go_on.set()
    until(lambda: discoverer.refresh(11.0, wait=0.01) or not discoverer.problems())
    assert discoverer.answered()


def test_a_source_that_fails_in_any_way_keeps_what_is_known_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dns: NameServer
) -> None:
    dns.records["pods.example", "SRV"] = ["0 0 1 p.example."]
    discoverer, path = _with_files_and_dns(tmp_path)
    assert discoverer.refresh(0.0, wait=30)
    assert _labels(discoverer) == ["f:1", "p.example:1"]
    assert discoverer.answered()

    def fail(_: object) -> None:
        raise MemoryError("line\nbreak")

    with monkeypatch.context() as patch:
        patch.setattr(DnsSource, "refresh", fail)
        _file(path, "f:2")
        assert discoverer.refresh(3600.0, wait=30)
    assert _labels(discoverer) == ["f:2", "p.example:1"]
    assert discoverer.problems() == (
        "discovery.dns_sd.0 cannot be read: MemoryError: line\\nbreak; "
        "the servers known from it stay in force",
    )
    discoverer.refresh(7200.0, wait=30)
    assert discoverer.problems() == ()


def test_no_thread_to_read_with_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    discoverer = Discoverer(_config([], file_sd=[{"files": [_file(tmp_path / "a.json", "f:1")]}]))

    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", fail)
        discoverer.refresh(0.0, wait=30.0)
    assert "can't start new thread" in discoverer.problems()[0]
    assert discoverer.refresh(5.0, wait=30)
    assert _labels(discoverer) == ["f:1"]
    assert discoverer.problems() == ()


def test_a_reload_goes_on_with_sources_of_the_same_sections(tmp_path: Path) -> None:
    sections: list[dict[str, object]] = [
        {"files": [_file(tmp_path / f"{name}.json", f"{name}:1")]} for name in "ab"
    ]
    before = Discoverer(_config([], file_sd=sections))
    assert before.refresh(0.0, wait=30)
    after = Discoverer(_config([], file_sd=[*sections[1:], *sections[1:]]), before)
    assert after.next_refresh() == -inf
    assert not after.answered()
    assert after.refresh(1.0, wait=30)
    assert _labels(after) == ["b:1"]
    assert after.answered()


def test_unusable_pattern_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="wildcard"):
        Discoverer(_config([], file_sd=[{"files": ["/etc/*/a.json"]}]))
