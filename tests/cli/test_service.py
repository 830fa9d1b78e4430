"""The running exporter: its pages agree, it reloads, it ends when told."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from exporter.base.errors import ConfigError
from exporter.cli.service import Service
from exporter.config import Config, Target, WebSettings, load_config, parse_config
from exporter.gpu.nvml import Nvml
from exporter.gpu.reading import GpuReading
from exporter.replay.server import ReplayServer
from exporter.vocabulary.exporter import EXPORTER
from exporter.vocabulary.family import PREFIX
from tests.conftest import RECORDINGS, cached_load
from tests.pages import value_of
from tests.prometheus import needs_prometheus, prometheus
from tests.waiting import until


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


@contextmanager
def serving(names: list[str]) -> Iterator[tuple[Service, list[Config | ConfigError]]]:
    """Serve some recordings; what stands last in the list is the next configuration read."""
    with ReplayServer([cached_load(RECORDINGS[name]) for name in names]) as replay:
        targets = [Target(url=u, name=n) for u, n in zip(replay.urls, names, strict=True)]
        config = Config(
            targets=targets, interval=0.2, timeout=2.0, web=WebSettings(listen="127.0.0.1:0")
        )
        readings: list[Config | ConfigError] = [config]

        def read() -> Config:
            if isinstance(readings[-1], ConfigError):
                raise readings[-1]
            return readings[-1]

        service = Service(config, read)
        service.start()
        try:
            yield service, readings
        finally:
            service.stop()


def identified(service: Service) -> bool:
    return all(
        one.reading.identity and "window_seconds" in one.reading.figures
        for one in service.server_views()
    )


def test_metrics_and_api_tell_the_same() -> None:
    names = ["vllm-dense-0.26.0", "sglang-0.5.23-basic-cpu"]
    with serving(names) as (service, _):
        until(lambda: identified(service))
        page = get(f"{service.url}metrics").decode()
        fleet = json.loads(get(f"{service.url}api/v1/fleet"))
        assert [one["target"] for one in fleet["servers"]] == sorted(names)
        for one in fleet["servers"]:
            assert value_of(page, "inferfleet_target_up", target=one["target"]) == 1
            info = {"target": one["target"], "release": one["release"], "class": one["class"]}
            assert value_of(page, "inferfleet_server_info", **info) == 1
            seats = one["facts"]["max_num_seqs"]
            assert (
                value_of(page, "inferfleet_max_running_requests", source=seats["source"])
                is not None
            )
        assert value_of(page, "inferfleet_targets") == 2
        missing = {
            family.name for family in EXPORTER if f"\n# TYPE {PREFIX}{family.name} " not in page
        }
        # of discovery, and of several exporters
        assert missing == {"discovered_targets", "shards"}
        assert value_of(page, "process_resident_memory_bytes") is not None
        assert get(f"{service.url}-/ready")


def test_the_configuration_is_shown_without_what_may_be_a_token() -> None:
    targets = [{"url": "http://127.0.0.1:1", "metrics_path": "/metrics?token=secret&more=secret"}]
    discovery = {"file_sd": [{"files": ["/etc/targets-?.yaml"]}]}
    config = parse_config(
        {
            "targets": targets,
            "gpu": {"nvml": False},
            "discovery": discovery,
            "web": {"listen": "127.0.0.1:0"},
        },
        "x",
    )
    service = Service(config, lambda: config)
    service.start()
    try:
        shown = get(f"{service.url}config").decode()
    finally:
        service.stop()
    assert "secret" not in shown
    read = yaml.safe_load(shown)
    assert read["targets"][0]["metrics_path"] == "/metrics?..."
    assert read["discovery"] == discovery


def test_a_shard_tells_what_the_sources_name_for_all(tmp_path: Path) -> None:
    path = tmp_path / "servers.yaml"
    path.write_text("- targets: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']\n", encoding="utf-8")
    config = parse_config(
        {
            "discovery": {"file_sd": [{"files": [str(path)]}]},
            "shard": {"index": 1, "total": 3},
            "web": {"listen": "127.0.0.1:0"},
            "gpu": {"nvml": False},
        },
        "x",
    )
    service = Service(config, lambda: config)
    service.start()
    name = "inferfleet_discovered_targets"
    try:
        until(lambda: value_of(get(f"{service.url}metrics").decode(), name, source=str(path)) == 3)
        page = get(f"{service.url}metrics").decode()
    finally:
        service.stop()
    assert value_of(page, "inferfleet_shards", shard="1") == 3
    assert (value_of(page, "inferfleet_targets") or 0) < 3


def test_a_bad_reload_keeps_what_runs_and_says_so() -> None:
    with serving(["vllm-dense-0.26.0"]) as (service, readings):
        good = readings[-1]
        readings.append(ConfigError("config.yaml: interval: no"))
        with pytest.raises(ConfigError):
            service.request_reload().result(20)
        flag = "inferfleet_config_last_reload_successful"
        until(lambda: value_of(get(f"{service.url}metrics").decode(), flag) == 0)
        assert len(service.server_views()) == 1
        readings.append(good)
        service.request_reload().result(20)
        until(lambda: value_of(get(f"{service.url}metrics").decode(), flag) == 1)
        assert isinstance(good, Config)
        readings.append(good.model_copy(update={"web": WebSettings(listen="127.0.0.1:1")}))
        with pytest.raises(ConfigError, match="restart"):
            service.request_reload().result(20)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghi")
)
UNUSABLE = {
    "deep nesting": "[" * 100_000,
    "aliases": BOMB,
    "a number of thousands of digits": f"interval: {'9' * 5_000}\n",
    "a number of thousands of hexadecimal digits": f"interval: 0x{'f' * 5_000}\n",
    "half of a character": 'targets: ["\\ud800:1"]\n',
    "a date": "interval: 2026-05-10\n",
    "a set": "targets: !!set {a}\n",
    "an object": "targets: !!python/object/apply:os.getcwd []\n",
    "no number": "interval: .nan\n",
    "a line break in a name": 'targets: [{url: "a:1", name: "a\\nb"}]\n',
    "half a file": "targets: [a:1, b",
    "another web address": "targets: [a:1]\nweb: {listen: '127.0.0.1:1'}\n",
    "no certificate": "targets: [a:1]\nhttp: {ca_file: none.pem}\n",
}


def test_whatever_is_read_again_is_a_failed_reload_and_the_old_configuration_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "c.yaml"
    good = "targets: ['127.0.0.1:1']\nweb: {listen: '127.0.0.1:0'}\n"
    path.write_text(good, encoding="utf-8")
    service = Service(load_config(path), lambda: load_config(path))
    flag = b"inferfleet_config_last_reload_successful"
    service.start()
    try:
        for title, text in UNUSABLE.items():
            path.write_text(text, encoding="utf-8")
            with pytest.raises(ConfigError):
                service.request_reload().result(20)
            assert flag + b" 0.0\n" in b"".join(service.metrics()), title
            assert len(service.server_views()) == 1
            path.write_text(good, encoding="utf-8")
            service.request_reload().result(20)
            assert flag + b" 1.0\n" in b"".join(service.metrics())
    finally:
        service.stop()
    kept = [line for line in caplog.messages if line.startswith("the old configuration is kept: ")]
    assert len(kept) == len(UNUSABLE)
    assert all(line.isprintable() for line in kept)


def test_the_process_serves_reloads_and_ends(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("targets: [http://127.0.0.1:1]\nweb: {listen: '127.0.0.1:0'}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", "serve", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    try:
        url = ""
        while not url:
            found = re.search(r"serving on (http\S+)", process.stderr.readline())
            url = found[1] if found else ""
        assert b'"servers"' in get(f"{url}api/v1/fleet")
        config.write_text(
            "targets: [http://127.0.0.1:1, http://127.0.0.1:2]\nweb: {listen: '127.0.0.1:0'}\n"
        )
        os.kill(process.pid, signal.SIGHUP)
        until(lambda: len(json.loads(get(f"{url}api/v1/fleet"))["servers"]) == 2)
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_hung_driver_delays_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Event()

    def hang(*_: object) -> list[GpuReading]:
        held.wait(30)
        return []

    monkeypatch.setattr(Nvml, "read", hang)
    with serving(["vllm-dense-0.26.0"]) as (service, _):
        until(lambda: identified(service))
        page = get(f"{service.url}metrics").decode()
        assert value_of(page, "inferfleet_gpu_source_up", source="nvml") is None
        assert value_of(page, "inferfleet_gpu_reading_age_seconds", source="nvml") is None
        assert value_of(page, "inferfleet_target_up") == 1
        held.set()
        live = 'inferfleet_gpu_source_up{source="nvml"} 1.0'
        until(lambda: live in get(f"{service.url}metrics").decode())


def test_sigterm_ends_what_runs_until_interrupted() -> None:
    words = ["replay", str(RECORDINGS["vllm-dense-0.26.0"]), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", *words], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        assert process.wait(20) == 0


@needs_prometheus
def test_prometheus_takes_the_page(tmp_path: Path) -> None:
    names = ["vllm-0.32.0-dp2-cpu", "sglang-0.5.23-basic-cpu", "vllm-moe-0.20.2-mrv2"]
    with serving(names) as (service, _):
        until(lambda: identified(service))
        job = {
            "job_name": "inferfleet",
            "static_configs": [{"targets": [service.url.split("/")[2]]}],
        }
        config = yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]})
        with prometheus(tmp_path / "data", config=config) as url:

            def ask(path: str) -> Any:
                return json.loads(get(f"{url}/api/v1/{path}"))["data"]

            def count(query: str) -> int:
                return len(ask(f"query?query={query}").get("result", []))

            until(lambda: count("inferfleet_target_up==1") == 3, 60)
            assert count("inferfleet_generation_tokens_total") == 4
            assert count("inferfleet_time_to_first_token_seconds_bucket") > 40
            (target,) = ask("targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")


def test_the_command_lines_targets_join_the_files() -> None:
    found = parse_config({"targets": ["a:1", "b:2"]}, "x")
    assert [target.label for target in found.targets] == ["a:1", "b:2"]
