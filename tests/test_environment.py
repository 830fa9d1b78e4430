"""Environment variables in the configuration: put in, missing, and never shown."""

from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.config import expand, load_config

ENVIRON = {"PORT": "8000", "GPUS": "4", "EMPTY": "", "TOKEN": "hunter2", "ODD": "a: [b"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("http://127.0.0.1:${PORT}", "http://127.0.0.1:8000"),
        ("${PORT}${GPUS}", "80004"),
        ("${HOST:-localhost}:${PORT:-1}", "localhost:8000"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${HOST:-}", ""),
        ("$${PORT} costs 5$$", "${PORT} costs 5$"),
        ("${ODD}", "a: [b"),
        ("plain", "plain"),
    ],
)
def test_variables_are_put_into_values(written: str, expected: str) -> None:
    assert expand({"${PORT}": [written]}, "x", ENVIRON) == {"${PORT}": [expected]}


@pytest.mark.parametrize("value", [7, 1.5, True, None])
def test_what_is_no_text_stays(value: object) -> None:
    assert expand({"a": value}, "x", ENVIRON)["a"] is value


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            "${HOST}:1",
            "x.yaml: targets.1.url: the environment variable HOST is not set; set it, or write "
            "${HOST:-default}",
        ),
        # what neither a shell nor Kubernetes replaced would be one name for every replica
        ("$(POD_NAME)", "x.yaml: targets.1.url: a $ begins an environment variable; write ${NAME}"),
        ("$PORT", "and $$ for a $ itself"),
        ("${PORT", "a $ begins an environment variable"),
        ("${HOST:-${PORT}}", "a $ begins an environment variable"),
        ("${1}", "a $ begins an environment variable"),
    ],
)
def test_faults_name_key_variable_and_remedy(written: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        expand({"targets": ["a:1", {"url": written}]}, "x.yaml", ENVIRON)
    assert sentence in str(raised.value)


def test_configuration_file_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "x.yaml"
    path.write_text(
        "interval: ${INTERVAL:-2s}\n"
        "targets:\n"
        "  - url: http://127.0.0.1:${PORT}\n"
        "    declare:\n"
        "      gpus: ${GPUS}\n"
        "      release: ${EMPTY}\n"
        "      workload: statefulset/${WORKLOAD:-llama}\n"
    )
    config = load_config(path)
    (target,) = config.targets
    assert (config.interval, target.url) == (2.0, "http://127.0.0.1:8000")
    declared = target.declare
    assert (declared.gpus, declared.release, declared.workload) == (4, None, "statefulset/llama")


@pytest.mark.parametrize(
    "text",
    [
        "targets: [{url: 'a:1', declare: {gpus: '${TOKEN}'}}]",
        "targets: ['http://h:${TOKEN}']",
        "targets: [{url: 'a:1', declare: {pod: '${TOKEN}'}}]",
        "interval: ${TOKEN}",
        "web: ${TOKEN}",
        "targets: ['http://user:${TOKEN}@h']",
    ],
)
def test_errors_show_the_variable_and_not_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TOKEN", ENVIRON["TOKEN"])
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    assert ENVIRON["TOKEN"] not in str(raised.value)


def test_a_variable_that_is_no_text_is_refused_by_name() -> None:
    with pytest.raises(
        ConfigError, match="x: a: the environment variable ODD holds bytes that are"
    ):
        expand({"a": "${ODD}"}, "x", {"ODD": "\udcff"})
