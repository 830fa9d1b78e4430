"""A message is one line whatever it quotes, and one that repeats is written a few times."""

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from exporter.base.untrusted import one_line
from exporter.cli.log import BURST, FORMATS, QUIET_SECONDS, LineFormatter, RepeatLimit


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a logger of its own writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LineFormatter())
    handler.addFilter(RepeatLimit())
    log = logging.getLogger("tests.log")
    log.propagate = False
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    yield written
    log.handlers = []


log = logging.getLogger("tests.log")


def test_no_name_forges_a_line_or_moves_the_cursor(stream: io.StringIO) -> None:
    log.warning("%s: %s", "s", "a\n2026-01-01 00:00:00 ERROR forged\x1b[2K\r")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r"s: a\n2026-01-01 00:00:00 ERROR forged\x1b[2K\r")


def _fields(form: str, text: str) -> dict[str, str]:
    """Read a line as a store of logs does."""
    if form == "json":
        return dict(json.loads(text))
    pairs = re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)(?: |$)', text)
    assert " ".join("=".join(pair) for pair in pairs) == text
    return {key: json.loads(value) if value[0] == '"' else value for key, value in pairs}


@pytest.mark.parametrize("form", ["json", "logfmt"])
@pytest.mark.parametrize(
    "message",
    [
        "plain",
        "",
        "two words",
        'a "quoted" = one',
        "back\\slash",
        "naïve 値",
        "a\nlevel=forged\x1b[2K",
    ],
)
def test_fields_are_read_back_and_nothing_forges_a_line(
    stream: io.StringIO, form: str, message: str
) -> None:
    log.handlers[0].setFormatter(FORMATS[form]())
    try:
        raise ValueError("\nlevel=forged" + "y" * 10_000)
    except ValueError:
        log.exception("%s", message)
    (line,) = stream.getvalue().splitlines()
    fields = _fields(form, line)
    assert list(fields) == ["time", "level", "logger", "msg", "trace"]
    assert fields["msg"] == one_line(message)
    assert (fields["level"], fields["logger"]) == ("error", "tests.log")
    assert datetime.fromisoformat(fields["time"]).tzinfo == UTC
    assert fields["trace"].startswith("Traceback")
    assert len(line) < 5000


def test_a_line_has_a_length(stream: io.StringIO) -> None:
    log.warning("%s", "x" * 10_000_000)
    assert len(stream.getvalue()) < 3000
    assert "more characters" in stream.getvalue()


def test_a_traceback_looks_like_no_line_of_the_log(stream: io.StringIO) -> None:
    try:
        raise ValueError("\n2026-01-01 00:00:00 ERROR forged" + "y" * 10_000)
    except ValueError:
        log.exception("sampling failed")
    first, *others = stream.getvalue().splitlines()
    assert "sampling failed" in first
    assert all(line.startswith("  ") and len(line) < 1000 for line in others)


def test_what_repeats_is_counted_and_other_things_are_not_held_back(stream: io.StringIO) -> None:
    clock = 0.0
    with patch("exporter.cli.log.monotonic", lambda: clock):
        for _ in range(1000):
            log.warning("%s: %s", "flapping", "an error")
            clock += 1.0
        log.warning("%s: %s", "other", "an error")
    lines = stream.getvalue().splitlines()
    assert sum("flapping" in line for line in lines) == BURST + 1
    repeats = int(QUIET_SECONDS) - BURST
    assert f"flapping: an error (and {repeats} such lines before)" in stream.getvalue()
    assert lines[-1].endswith("other: an error")


def test_as_many_kinds_as_there_are_take_no_more_memory(stream: io.StringIO) -> None:
    limit = RepeatLimit()
    for number in range(10_000):
        record = log.makeRecord("n", logging.INFO, "f", 1, "%s", (f"name {number}",), None)
        assert limit.filter(record)
    assert len(limit._kinds) == 4096


def test_a_kind_that_comes_back_after_a_quiet_while_is_written(stream: io.StringIO) -> None:
    clock = 0.0
    with patch("exporter.cli.log.monotonic", lambda: clock):
        for time in (0.0, 1.0, QUIET_SECONDS + 1, 2 * QUIET_SECONDS + 2):
            clock = time
            log.info("%s answers again", "s")
    assert stream.getvalue().count("answers again\n") == 4
