"""What comes from outside goes on as one printable line, a finite number or a small document."""

import json
from math import inf, nan

import pytest

from exporter.base.untrusted import finite, is_unicode, json_document, one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("vllm:num_requests_running", "vllm:num_requests_running"),
        ("größe Δ 模型", "größe Δ 模型"),
        ("a\n2026-01-01 ERROR forged", r"a\n2026-01-01 ERROR forged"),
        ("a\r\x1b[2Kb\x00", r"a\r\x1b[2Kb\x00"),
        ("a\u202eb\u2028c\x85d", r"a\u202eb\u2028c\x85d"),
        ("a\ud800b", r"a\ud800b"),
    ],
)
def test_text_becomes_a_part_of_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert one_line(text).isprintable()


def test_a_long_text_is_cut_and_its_rest_counted() -> None:
    assert one_line("x" * 200) == "x" * 200
    assert one_line("x" * 10_000_000) == "x" * 200 + "... and 9999800 more characters"
    assert len(one_line("\n" * 10_000_000)) < 500


@pytest.mark.parametrize(("text", "good"), [("", True), ("模型", True), ("\ud800", False)])
def test_halves_of_characters_are_no_unicode(text: str, good: bool) -> None:
    assert is_unicode(text) is good


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (-0.0, -0.0),
        (1e308, 1e308),
        (10**400, None),
        (inf, None),
        (nan, None),
        (True, None),
        ("3", None),
        ([3], None),
        (None, None),
    ],
)
def test_a_number_is_finite_or_none(value: object, number: float | None) -> None:
    assert finite(value) == number


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 20_000, "nested too deep"),
        (b"[" + b"[]," * 100_000 + b"0]", "more than 50000 values"),
        (b"1" * 5000, "a number of too many digits"),
    ],
)
def test_what_is_no_small_document_is_refused_with_a_reason(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        json_document(body)


def test_a_document_of_kilobytes_is_read() -> None:
    document = {"data": [{"id": f"adapter-{i}", "parent": "m"} for i in range(5000)]}
    assert json_document(json.dumps(document).encode()) == document


def test_every_text_of_a_document_is_made_printable() -> None:
    document = {"a\n": ["\x1b[2J", 1, None, {"b": ("\u202e", "x" * 300)}]}
    assert printable(document) == {"a\\n": ["\\x1b[2J", 1, None, {"b": ["\\u202e", "x" * 300]}]}
