"""YAML: what stands twice is a fault, what is merged is not."""

import re

import pytest

from exporter.base.yaml_text import parse_yaml


def test_anchors_and_merges_are_read() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, y: 3}\n"
    assert parse_yaml(text) == {
        "a": {"x": 1, "y": 1},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
    }
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands twice: remove one"),
        ("a:\n  b: {c: 1, c: 2}\n", "line 2: the key 'c' stands twice: remove one"),
        ("a: [", "line 1: while parsing a flow node expected the node content"),
        ("a: \x00", "unacceptable character"),
    ],
)
def test_a_fault_has_its_line(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)
