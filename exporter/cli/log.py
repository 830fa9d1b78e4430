"""The log's lines: one for each message, and few of a kind.

What is logged quotes servers, and what they repeat with every sample. Whatever a message holds, it
is one line of bounded length; of one kind about one thing a few are written, then one a while.
"""

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from typing import Final

from ..base.untrusted import one_line

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_WORD: Final = re.compile(r"[\w.:/+-]+", re.ASCII)
_MESSAGE_CHARACTERS: Final = 2000
_TRACE_CHARACTERS: Final = 500

BURST: Final = 5
QUIET_SECONDS: Final = 600.0
_MOST_KINDS: Final = 4096


class LineFormatter(logging.Formatter):
    """Writes each message as one line; lines of a traceback are indented below it."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        record.message = one_line(record.message, _MESSAGE_CHARACTERS)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        """Return a traceback, no line of which looks like one of the log."""
        text = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(f"  {one_line(line, _TRACE_CHARACTERS)}" for line in text.split("\n"))


class FieldFormatter(logging.Formatter):
    """Writes each message as named fields in one line; `write` makes the line of them."""

    def __init__(self, write: Callable[[Mapping[str, str]], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message, its traceback being a field."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": one_line(record.getMessage(), _MESSAGE_CHARACTERS),
        }
        if record.exc_info:
            lines = self.formatException(record.exc_info).split("\n")
            fields["trace"] = "\n".join(one_line(line, _TRACE_CHARACTERS) for line in lines)
        return self._write(fields)


def _logfmt(fields: Mapping[str, str]) -> str:
    """Return fields as logfmt; a value that is no plain word is quoted as Go quotes it."""
    return " ".join(
        f"{key}={value if _WORD.fullmatch(value) else json.dumps(value, ensure_ascii=False)}"
        for key, value in fields.items()
    )


FORMATS: Final[Mapping[str, Callable[[], logging.Formatter]]] = {
    "text": LineFormatter,
    "logfmt": lambda: FieldFormatter(_logfmt),
    "json": lambda: FieldFormatter(lambda fields: json.dumps(fields, ensure_ascii=False)),
}
"""How `--log.format` calls each way to write a line."""


@dataclass(slots=True)
class _Kind:
    """When the first of the lines that count was, how many were written since, how many not."""

    since: float
    written: int = 0
    suppressed: int = 0


class RepeatLimit(logging.Filter):
    """Lets some lines of a kind through, then one in ten minutes that counts the others.

    A kind is what a message says, about one thing: its format and first argument.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds = OrderedDict[tuple[str, str, str], _Kind]()
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written; say in it how many were not."""
        first = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        key = record.name, one_line(str(record.msg)), one_line(str(first))
        now = monotonic()
        with self._lock:
            kind = self._kinds.setdefault(key, _Kind(now))
            self._kinds.move_to_end(key)
            if len(self._kinds) > _MOST_KINDS:
                self._kinds.popitem(last=False)
            if now - kind.since >= QUIET_SECONDS:
                suppressed, kind.since, kind.written, kind.suppressed = kind.suppressed, now, 0, 0
                if suppressed:
                    # a kind that goes on has no new burst
                    kind.written = BURST
                    record.msg = f"{record.getMessage()} (and {suppressed} such lines before)"
                    record.args = None
                    return True
            if kind.written >= BURST:
                kind.suppressed += 1
                return False
            kind.written += 1
            return True
