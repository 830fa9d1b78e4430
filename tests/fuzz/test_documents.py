"""What an operator or another tool writes: configuration, web configuration, file_sd."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.base.errors import ConfigError
from exporter.config import parse_config
from exporter.config.load import load_config
from exporter.discovery.file_sd import parse_file_sd
from exporter.recorder.client_results import parse_result
from exporter.replay.manifest import parse_manifest
from exporter.web.web_config import load_web_config
from tests.fuzz.mutations import encoded, mutated_bytes, mutated_documents
from tests.fuzz.refusals import refusal

CONFIG = {
    "targets": [
        {"url": "http://10.0.0.1:8000", "name": "a", "declare": {"gpus": 2, "release": "0.20"}},
        "http://10.0.0.2:8000/metrics",
    ],
    "discovery": {
        "file_sd": [{"files": ["/etc/inferfleet/*.json"]}],
        "dns_sd": [{"names": ["vllm.svc"], "type": "A", "port": 8000}],
        "kubernetes": [{"namespaces": ["a"], "selector": "app=vllm", "port": "http"}],
    },
    "shard": {"index": 0, "total": 2},
    "http": {"bearer_token_file": "token", "ca_file": "ca.crt"},
    "interval": "5s",
    "limits": {"page": "16MiB", "samples": 100000},
    "gpu": {"pages": ["http://10.0.0.1:9400/metrics"], "interval": "1s"},
    "load": {"warm_up": "10m", "max_cells": 256},
    "web": {"listen": ":10190"},
}
WEB = {
    "tls_server_config": {
        "cert_file": "a.crt",
        "key_file": "a.key",
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": "ca.crt",
    },
    "http_server_config": {"http2": False, "headers": {"X-Frame-Options": "deny"}},
    "basic_auth_users": {"a": "$2b$10$" + "x" * 53},
}
RESULT = {
    "duration": 20.0,
    "completed": 100,
    "max_concurrency": None,
    "output_throughput": 100.0,
    "mean_ttft_ms": 30.0,
    "p99_itl_ms": 30,
}
MANIFEST = {
    "name": "a",
    "engine": "vllm",
    "engine_version": "0.20.2",
    "model": "m",
    "scrapes": [{"i": 0, "t": 1.7e9}],
}
FILE_SD = [
    {
        "targets": ["10.0.0.1:8000", "[fd00::1]:8000"],
        "labels": {"__scheme__": "https", "inferfleet_name": "a", "inferfleet_gpus": "2", "x": "y"},
    },
    {"targets": ["host:80"]},
]


def as_yaml(document: object) -> bytes:
    return yaml.safe_dump(document).encode()


@given(mutated_documents(CONFIG))
def test_a_configuration_is_used_or_refused_with_every_fault(document: object) -> None:
    if isinstance(document, dict):
        refusal(ConfigError, lambda: parse_config(document, "file"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@given(data=mutated_bytes(as_yaml(CONFIG)))
def test_a_file_of_configuration_is_used_or_refused(folder: Path, data: bytes) -> None:
    path = folder / "config.yaml"
    path.write_bytes(data)
    refusal(ConfigError, lambda: load_config(path))


@given(data=mutated_bytes(as_yaml(WEB)) | mutated_documents(WEB).map(encoded))
def test_a_web_configuration_is_used_or_refused(folder: Path, data: bytes) -> None:
    path = folder / "web.yaml"
    path.write_bytes(data)
    refusal(ConfigError, lambda: load_web_config(path))


@given(
    mutated_bytes(as_yaml(FILE_SD), encoded(FILE_SD)) | mutated_documents(FILE_SD).map(encoded),
    st.sampled_from(["x.json", "x.yaml"]),
)
def test_a_file_of_servers_is_used_whole_or_refused(data: bytes, name: str) -> None:
    with suppress(ConfigError):
        for target in parse_file_sd(data, name):
            json.dumps(target.model_dump(mode="json"))
            assert target.label.isprintable()
            assert target.url.isprintable()


def test_what_is_mutated_can_itself_be_used(folder: Path) -> None:
    (folder / "web.yaml").write_bytes(as_yaml(WEB))
    assert parse_config(CONFIG, "file").targets
    assert load_web_config(folder / "web.yaml").basic_auth_users
    assert len(parse_file_sd(encoded(FILE_SD), "x.json")) == 3


@given(data=mutated_bytes(encoded(RESULT)) | mutated_documents(RESULT).map(encoded))
def test_a_result_of_a_load_client_is_a_phase_or_refused(data: bytes) -> None:
    if not refusal(ValueError, lambda: parse_result(data, "busy", 1.7e9)):
        # what a recording holds, it must be able to read again
        parse_manifest(encoded({**MANIFEST, "phases": [parse_result(data, "busy", 1.7e9)]}))
