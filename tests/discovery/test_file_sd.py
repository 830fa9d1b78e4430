"""file_sd files become servers; a bad file keeps its last good content, a deleted one does not."""

import json
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.base.errors import ConfigError
from exporter.base.yaml_text import MAX_BYTES
from exporter.config import Declaration, Target
from exporter.discovery.file_sd import FileSource, parse_file_sd

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghi")
)
GOOD = '[{"targets": ["a:8000"]}]'


def _put(path: Path, text: str) -> Path:
    """Replace a file as a careful writer does: never half written, always a new inode."""
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(text)
    return fresh.rename(path)


def _read(source: FileSource) -> list[str]:
    source.refresh()
    return [target.url for targets in source.targets.values() for target in targets]


def test_json_and_yaml_say_the_same() -> None:
    groups = [
        {"targets": ["a:8000", "[::1]:8001"], "labels": {"inferfleet_release": "0.20"}},
        {"targets": ["b"]},
    ]
    text = (
        "- targets:\n  - a:8000\n  - '[::1]:8001'\n  labels: {inferfleet_release: 0.20}\n"
        "- targets: [b]\n"
    )
    release = Declaration(release="0.20")
    expected = (
        Target(url="http://a:8000", declare=release),
        Target(url="http://[::1]:8001", declare=release),
        Target(url="http://b"),
    )
    assert parse_file_sd(json.dumps(groups).encode(), "x.json") == expected
    assert parse_file_sd(text.encode(), "x.yml") == expected


def test_labels_declare_what_a_server_is() -> None:
    labels = {
        "__scheme__": "https",
        "__metrics_path__": "/v1/metrics",
        "inferfleet_name": "rack-7",
        "inferfleet_gpus": "8",
        "inferfleet_gpu_model": "NVIDIA H200",
        "inferfleet_role": "decode",
        "inferfleet_prefix_caching": "true",
        "inferfleet_version": "",
        "job": "vllm",
        "release": "not ours",
    }
    data = json.dumps([{"targets": ["a:8000"], "labels": labels}]).encode()
    declared = Declaration(gpus=8, gpu_model="NVIDIA H200", role="decode", prefix_caching=True)
    (target,) = parse_file_sd(data, "x.json")
    assert target == Target(
        url="https://a:8000", name="rack-7", metrics_path="/v1/metrics", declare=declared
    )


@pytest.mark.parametrize("field", Declaration.model_fields)
def test_every_declared_field_has_its_label(field: str) -> None:
    value = {"role": "both", "pod": "llm/vllm-0"}.get(field, "1")
    data = [{"targets": ["a:1"], "labels": {f"inferfleet_{field}": value}}]
    (target,) = parse_file_sd(json.dumps(data).encode(), "x.json")
    assert getattr(target.declare, field) not in (None, ())


def test_a_label_lists_gpus_with_commas() -> None:
    data = [{"targets": ["a:1"], "labels": {"inferfleet_gpu_uuids": "GPU-1, GPU-2"}}]
    (target,) = parse_file_sd(json.dumps(data).encode(), "x.json")
    assert target.declare.gpu_uuids == ("GPU-1", "GPU-2")


def test_group_may_be_bare() -> None:
    assert parse_file_sd(b"- targets:\n  labels:\n- {}\n", "x.yaml") == ()
    assert parse_file_sd(b"[]", "x.json") == ()


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("x.json", "", "x.json is empty"),
        ("x.json", '[{"targets": ["a:80', "x.json: it is no JSON: .* line 1 column 15"),
        (
            "x.yml",
            "- targets: [a:80\n",
            "x.yml is no valid YAML: line 2: while parsing a flow sequence",
        ),
        pytest.param(
            "x.json", "[" * 100_000, "x.json: it holds more than|nested too deep", id="deep"
        ),
        pytest.param(
            "x.json", "9" * 5_000, "x.json: it holds a number of too many digits", id="long"
        ),
        ("x.yml", "# - targets: [a:80]\n", "x.yml: the file: .* list"),
        ("x.json", '{"targets": []}', "x.json: the file: .* list"),
        ("x.json", "[null]", "x.json: 0: "),
        ("x.json", '[{"target": []}]', "x.json: 0.target: there is no such key"),
        ("x.json", '[{"targets": [8000]}]', "x.json: 0.targets.0: 8000 is no server address"),
        ("x.json", '[{"targets": ["http://a"]}]', "0.targets.0: 'http://a' is no server address"),
        ("x.json", '[{"targets": ["a:1", "a:99999"]}]', "x.json: 0.targets.1.url: .* port"),
        ("x.json", '[{"targets": ["[::1"]}]', "x.json: 0.targets.0.url: "),
        ("x.json", '[{"labels": ["a"]}]', "x.json: 0.labels: must be a mapping"),
        ("x.json", '[{"labels": {"a": 1}}]', "x.json: 0.labels: a must be text"),
        ("x.json", '[{"labels": {"inferfleet_gpu": "8"}}]', "there is no label inferfleet_gpu;"),
        ("x.json", '[{"labels": {"inferfleet_gpus": "0"}}]', "0.labels.inferfleet_gpus: "),
        ("x.json", '[{"labels": {"__scheme__": "ftp"}}]', "0.labels.__scheme__: "),
        pytest.param("x.json", "[" * 600_000, "x.json: it holds more than 500000", id="wide"),
        pytest.param("x.json", "[" + "1," * 9_999 + "1]", "x.json: 0: must be", id="all wrong"),
        pytest.param("x.yml", BOMB, "x.yml is no valid YAML: line .: more than", id="aliases"),
        pytest.param("x.yml", "[" * 100, "x.yml is no valid YAML: line 1: nested", id="nested"),
        ("x.yml", "- targets: !!set {a}\n", "x.yml is no valid YAML: line 1: the tag !!set"),
        ("x.yml", "- targets: [a]\n  targets: [b]\n", "line 2: the key 'targets' stands twice"),
        ("x.json", '[{"targets": ["\\ud800:1"]}]', "0.targets.0.url: must be a valid string"),
        ("x.json", '[{"targets": ["a:1\\u0000"]}]', "0.targets.0.url: must be one line of print"),
        ("x.json", '[{"\\ud800": []}]', "x.json: 0: "),
        ("x.json", '[{"labels": {"inferfleet_\\ud800": "a"}}]', "x.json: a key is no Unicode"),
        ("x.json", '[{"labels": {"inferfleet_name": "\\ud800"}}]', "inferfleet_name: must be a"),
        (
            "x.json",
            '[{"labels": {"inferfleet_release": "a\\nb"}}]',
            "must be one line of printable",
        ),
        ("x.json", '[{"labels": {"__metrics_path__": "//h/x"}, "targets": ["a"]}]', "is no path"),
        ("x.json", '[{"labels": {"__metrics_path__": "/a b"}, "targets": ["a"]}]', "is no path"),
        pytest.param(
            "x.json",
            f'[{{"labels": {{"inferfleet_gpus": "{"9" * 400}"}}}}]',
            "0.labels.inferfleet_gpus: must be less than",
            id="digits",
        ),
    ],
)
def test_bad_file_is_refused_with_its_place(name: str, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse_file_sd(text.encode(), name)


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"x\.yml is not UTF-8 text"):
        parse_file_sd("- targets: [é]".encode("latin-1"), "x.yml")


@settings(deadline=None)
@given(st.binary(), st.sampled_from(["x.json", "x.yaml"]))
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    with suppress(ConfigError):
        assert isinstance(parse_file_sd(data, name), tuple)


def test_wildcards_match_in_the_last_element(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".hidden.json", "a.txt"):
        (tmp_path / name).write_text(f'[{{"targets": ["{name}"]}}]')
    source = FileSource([str(tmp_path / "*.json"), str(tmp_path / "a.json")])
    assert _read(source) == ["http://a.json", "http://b.json"]
    assert source.problems == ()


def test_relative_pattern_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _put(tmp_path / "a.json", GOOD)
    assert _read(FileSource(["*.json"])) == ["http://a:8000"]


@pytest.mark.parametrize("pattern", ["/etc/*/a.json", "/etc/a.txt", "/etc/*"])
def test_unusable_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="file_sd"):
        FileSource([pattern])


def test_files_come_change_and_go(tmp_path: Path) -> None:
    source = FileSource([str(tmp_path / "*.json")])
    assert _read(source) == []
    _put(tmp_path / "a.json", GOOD)
    assert _read(source) == ["http://a:8000"]
    _put(tmp_path / "a.json", GOOD.replace("a:", "b:"))
    assert _read(source) == ["http://b:8000"]
    (tmp_path / "a.json").unlink()
    assert _read(source) == []
    assert source.problems == ()


def test_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = _put(tmp_path / "a.json", GOOD)
    source = FileSource([str(path)])
    source.refresh()
    seen = path.stat()
    path.write_text(GOOD.replace("a:", "b:"))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert _read(source) == ["http://a:8000"]
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    assert _read(source) == ["http://b:8000"]


def test_half_written_file_keeps_its_last_good_content(tmp_path: Path) -> None:
    path = _put(tmp_path / "a.json", GOOD)
    source = FileSource([str(path)])
    source.refresh()
    _put(path, GOOD[:-3])
    for _ in range(2):
        assert _read(source) == ["http://a:8000"]
        (problem,) = source.problems
        assert problem.startswith(f"{path}: it is no JSON: ")
        assert problem.endswith("; its last good content stays in force")
    _put(path, GOOD.replace("a:", "b:"))
    assert _read(source) == ["http://b:8000"]
    assert source.problems == ()


def test_file_bad_from_the_start_gives_no_servers(tmp_path: Path) -> None:
    source = FileSource([str(_put(tmp_path / "a.json", "["))])
    assert _read(source) == []
    assert source.problems[0].endswith("; it gives no servers until then")


def test_file_that_cannot_be_read_keeps_its_last_good_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _put(tmp_path / "a.json", GOOD)
    source = FileSource([str(path)])
    source.refresh()
    _put(path, GOOD.replace("a:", "b:"))

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert _read(source) == ["http://a:8000"]
        assert source.problems == (
            f"{path} cannot be read: Permission denied; its last good content stays in force",
        )
    assert _read(source) == ["http://b:8000"]
    assert not source.problems


def test_folder_that_cannot_be_listed_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path / "a.json", GOOD)
    pattern = str(tmp_path / "*.json")
    source = FileSource([pattern])
    source.refresh()

    def refuse(_: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert _read(source) == ["http://a:8000"]
    assert source.problems == (f"{pattern} cannot be listed: Permission denied; known files stay",)


def test_missing_file_or_folder_is_a_fault(tmp_path: Path) -> None:
    file, pattern = str(tmp_path / "a.json"), str(tmp_path / "none" / "*.json")
    source = FileSource([file, pattern])
    assert _read(source) == []
    assert source.problems == (
        f"{pattern}: there is no such folder; correct file_sd.files",
        f"{file} is not there; create it or correct file_sd.files",
    )


def test_file_that_grows_too_large_keeps_its_last_good_content(tmp_path: Path) -> None:
    path = _put(tmp_path / "a.yml", GOOD)
    source = FileSource([str(path)])
    source.refresh()
    _put(path, f"{GOOD}\n#{'x' * MAX_BYTES}")
    assert _read(source) == ["http://a:8000"]
    mend = "has more than 8 MiB; split it; its last good content stays in force"
    assert source.problems == (f"{path} {mend}",)


def test_file_that_becomes_a_folder_keeps_its_last_good_content(tmp_path: Path) -> None:
    path = _put(tmp_path / "a.yml", GOOD)
    source = FileSource([str(path)])
    source.refresh()
    path.unlink()
    path.mkdir()
    assert _read(source) == ["http://a:8000"]
    assert "is no regular file" in source.problems[0]


def test_file_of_any_name_is_read_and_shown_in_one_line(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name, text in ((b"a\n\xff.json", GOOD), (b"b\n\xff.json", "[")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    source = FileSource([str(tmp_path / "*.json")])
    assert _read(source) == ["http://a:8000"]
    (problem,) = source.problems
    assert problem.startswith(f"{tmp_path}/b\\n\\udcff.json: it is no JSON: ")
    assert list(source.targets) == [f"{tmp_path}/{name}\\n\\udcff.json" for name in "ab"]


def test_pipe_is_not_waited_on(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    os.mkfifo(path)
    source = FileSource([str(path)])
    assert _read(source) == []
    assert "is no regular file" in source.problems[0]
