"""A configuration is checked as a whole: every fault has its line, its place and its mend."""

from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.cli.check_config import check_config


def faults(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_config(path)
    found = list(caught.value.faults)
    assert all(fault.startswith(f"{path}: ") and fault.isprintable() for fault in found)
    return [fault.removeprefix(f"{path}: ") for fault in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.yaml"


def test_a_good_file_is_returned(path: Path) -> None:
    path.write_text("targets: [a:1]\n", encoding="utf-8")
    assert [target.label for target in check_config(path).targets] == ["a:1"]


@pytest.mark.parametrize("text", ["", "# all defaults\n", "interval: 5s\n", "targets: []\n"])
def test_a_file_that_names_no_server_is_not_good(path: Path, text: str) -> None:
    assert faults(path, text) == ["it names no server: list targets or a section of discovery"]


def test_every_fault_of_values_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    text = (
        "target: [a:1]\n"
        "interval: 5x\n"
        "targets: [a:1, a:1]\n"
        "timeout: ${NOT_SET}\n"
        "web: {listen: '${NOT_SET}', config_fil: x}\n"
        "discovery: {file_sd: [{file: [a.json]}]}\n"
        "http: {nothing: alike}\n"
    )
    assert sorted(faults(path, text)) == [
        "discovery.file_sd.0.file: there is no such key; did you mean files?",
        "discovery.file_sd.0.files: this key is needed",
        "http.nothing: there is no such key; known are bearer_token_file, basic_auth, ca_file, "
        "cert_file, key_file, insecure_skip_verify",
        "interval: '5x' is no duration; write it like 5s, 500ms or 1m30s",
        "target: there is no such key; did you mean targets?",
        "targets: two targets are called 'a:1': give one of them a name",
        "timeout: the environment variable NOT_SET is not set; set it, or write "
        "${NOT_SET:-default}",
        "web.config_fil: there is no such key; did you mean config_file?",
        "web.listen: the environment variable NOT_SET is not set; set it, or write "
        "${NOT_SET:-default}",
    ]


def test_keys_of_models_and_declarations_are_known_where_they_stand(path: Path) -> None:
    text = "targets: [{url: a, declare: {gpu: 1}, models: {m: {versions: x}}}]\n"
    assert faults(path, text) == [
        "targets.0.declare.gpu: there is no such key; did you mean gpus?",
        "targets.0.models.m.versions: there is no such key; did you mean version?",
    ]


def test_every_file_that_cannot_be_used_is_told(path: Path, tmp_path: Path) -> None:
    none = tmp_path / "none"
    text = (
        "targets: [a:1]\n"
        f"web: {{listen: ':70000', config_file: {none}}}\n"
        f"http: {{bearer_token_file: {none}, ca_file: {none}, cert_file: {none}}}\n"
        f"gpu: {{http: {{basic_auth: {{username: u, password_file: {none}}}}}}}\n"
        "discovery:\n"
        "  file_sd: [{files: ['*/a.json']}]\n"
        f"  kubernetes: [{{annotated: true, http: {{bearer_token_file: {none}}}}}]\n"
    )
    gone = "cannot be read: No such file or directory"
    tls = f"{none} cannot be used for TLS: no such file or directory"
    secret = f"{none} with the credentials {gone}"
    listen, *rest = faults(path, text)
    assert listen.startswith("web.listen: ':70000' is no address to listen on")
    assert rest == [
        f"web.config_file: {none} {gone}",
        "discovery.file_sd.files: '*/a.json' has a wildcard in a folder's name; "
        "wildcards are for the file's name only",
        f"http: {secret}",
        f"http: {tls}",
        f"http: {tls}",
        f"gpu.http: {secret}",
        f"discovery.kubernetes.0.http: {secret}",
    ]


def test_a_thousand_faults_make_no_line_of_a_thousand(path: Path) -> None:
    text = f"targets: [{', '.join(['ftp://a'] * 1000)}]\n"
    assert len(faults(path, text)) == 1000
    with pytest.raises(ConfigError, match=r"; and 992 more faults$"):
        check_config(path)
