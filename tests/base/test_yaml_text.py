"""YAML: plain values within limits; what stands twice is a fault, what is merged is not."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.base import yaml_text
from exporter.base.errors import ConfigError
from exporter.base.yaml_text import MAX_BYTES, MAX_DEPTH, YamlError, parse_yaml, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with libyaml, and without it as where PyYAML was built alone."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML has no libyaml here")
    monkeypatch.setattr(yaml_text, "_PARSER", getattr(yaml, request.param))


def test_anchors_and_merges_are_read() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, y: 3}\nd: {<<: [*b, *a]}\n"
    assert parse_yaml(text) == {
        "a": {"x": 1, "y": 1},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
        "d": {"x": 1, "y": 2},
    }
    assert parse_yaml("a: &a b\nc: *a\n*a : 1\n") == {"a": "b", "c": "b", "b": 1}
    assert parse_yaml("") is None


def test_values_are_plain_and_keys_are_text() -> None:
    text = (
        "date: 2026-05-10\nequals: =\ninf: -.inf\nhex: 0x10\nnone: ~\nyes: on\n"
        "7: '7'\ntagged: !!str 7\nempty:\nlist: [1.5, no]\n"
    )
    assert parse_yaml(text) == {
        "date": "2026-05-10",
        "equals": "=",
        "inf": float("-inf"),
        "hex": 16,
        "none": None,
        "yes": True,
        "7": "7",
        "tagged": "7",
        "empty": None,
        "list": [1.5, False],
    }


def test_in_the_failsafe_schema_every_scalar_is_text() -> None:
    assert parse_yaml("a: &a {b: 0.20, c: true}\nd: {<<: *a, c: }\n", "failsafe") == {
        "a": {"b": "0.20", "c": "true"},
        "d": {"b": "0.20", "c": ""},
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands twice: remove one"),
        ("a:\n  b: {c: 1, c: 2}\n", "line 2: the key 'c' stands twice: remove one"),
        ("a: &a {b: 1}\nc: {<<: *a, <<: *a}", "line 2: the key '<<' stands twice: remove one"),
        ("a: [b", "while parsing a flow sequence"),
        ("a: \x00", "acter"),
        ("a: \ud800", "not allowed"),
        ('a: "\\ud800"', "line 1: "),
        (BOMB, "more than 500 keys and values, aliases counted each"),
        pytest.param("- a\n" * 600, "line 500: more than 500 keys and values", id="long"),
        pytest.param("[" * (MAX_DEPTH + 1), "line 1: nested deeper than 64 levels", id="deep"),
        pytest.param("[" * 100_000, "line 1: ", id="deepest"),
        pytest.param("- " * (MAX_DEPTH + 1), "nested deeper than 64 levels", id="deep block"),
        ("a: &a [*a]", "line 1: an alias names no anchor that ends before it"),
        ("a: 1\nb: *c", "line 2: an alias names no anchor that ends before it"),
        ("b: {<<: 3}", "line 1: << takes a mapping, or a list of mappings"),
        ("? [a]\n: b", "line 1: a key must be text"),
        ("a: !!binary aGk=", "line 1: the tag !!binary means nothing here"),
        ("!!set {a}", "line 1: the tag !!set means nothing here"),
        ("- !!timestamp 2026-05-10", "line 1: the tag !!timestamp means nothing here"),
        ("- !!python/object/apply:os.getcwd []", "tag !!python/object/apply:os.getcwd means"),
        ("- !secret a", "line 1: the tag !secret means nothing here"),
        pytest.param("a: " + "9" * 5_000, "line 1: an integer with too many digits", id="digits"),
        pytest.param("a: 0x" + "f" * 5_000, "line 1: an integer with too many digits", id="hex"),
        pytest.param("a: 1" + ":59" * 3_000, "line 1: an integer with too many", id="sexagesimal"),
        ("a: 1\n---\nb: 2\n", "line 2: a second document begins; a file holds one"),
    ],
)
def test_a_fault_has_its_line(text: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_VALUES", 500)
    for schema in ("core", "failsafe"):
        if schema == "failsafe" and "integer" in fault:
            continue
        with pytest.raises(YamlError, match=re.escape(fault)) as caught:
            parse_yaml(text, schema)
        assert "\n" not in str(caught.value)


@given(st.text(alphabet="ab1:-[]{},&*!<>|?#\"'%@ \n\t~.=x", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse_yaml(text)
    except YamlError:
        return
    assert read is None or isinstance(read, str | int | float | list | dict)


def test_what_pyyaml_reads_is_read_alike() -> None:
    for path in (Path(__file__).parents[2] / "exporter").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert parse_yaml(text) == yaml.safe_load(text), path


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(ConfigError, match=r"c\.yaml cannot be read: No such file"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
    for data, fault in (
        (b"\xff", "cannot be read: it is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "cannot be read: it has more than 8 MiB"),
        (b"a: [", "is no valid YAML: line "),
    ):
        path.write_bytes(data)
        with pytest.raises(ConfigError, match=fault):
            read_yaml(path)
    path.write_text("a: 1")
    assert read_yaml(path) == {"a": 1}
