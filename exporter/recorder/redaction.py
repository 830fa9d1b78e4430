"""What a recording may hold of a live server: numbers, plain names, and what a fact is read from.

Pure. Of a metrics page every line stays that is a sample or a type; texts for people go. Label
values that name a machine or a person's files are replaced, each by the same word wherever it
stands, so that series stay apart as they were. Of other answers what may not be shown is left out.
"""

import json
import re
from typing import Final

from ..base.untrusted import json_document
from ..engines.sources.settings import public_document

MAX_VALUES: Final = 100_000
_KEPT_COMMENTS: Final = ("# TYPE ", "# UNIT ", "# EOF")
_LABEL: Final = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ROUTES: Final = frozenset({"handler", "endpoint", "path", "route", "uri"})
_ADDRESS: Final = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]+)?|\[?[0-9a-fA-F:]*::[^ ]*")
_PLACE: Final = re.compile(
    "address|host(?:name)?|instance|ip|node(?:address|name)?|pod(?:name)?|server|sessionname|url"
    "|workerid"
)
"""Labels, in lower case and without underscores, that say where a series comes from."""
_UUID: Final = re.compile(r"(?:GPU-|MIG-)?[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}")
_SECRET: Final = re.compile(r"(?:sk|hf|ghp|gho|glpat|nvapi|gsk|xox[a-z])[-_][A-Za-z0-9_-]{8,}")


class Redaction:
    """Words that stand for what is left out, the same ones through one recording."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def page(self, text: str) -> str:
        """Return a metrics page without texts for people, its label values replaced."""
        lines = (
            line if line.startswith("#") else self._sample(line)
            for line in text.split("\n")
            if not line.startswith("#") or line.startswith(_KEPT_COMMENTS)
        )
        return "\n".join(lines)

    def _sample(self, line: str) -> str:
        if '="' not in line:
            return line
        return _LABEL.sub(lambda match: f'{match[1]}="{self._value(match[1], match[2])}"', line)

    def _value(self, label: str, value: str) -> str:
        if not value:
            return value
        if label in _ROUTES:
            return value.partition("?")[0]
        if _PLACE.fullmatch(label.lower().replace("_", "")) or _ADDRESS.fullmatch(value):
            return self._word("place", value)
        if _UUID.fullmatch(value):
            return self._word("uuid", value)
        if _SECRET.search(value):
            return self._word("secret", value)
        if "://" in value or _is_path(value):
            return f"PATH/{value.rstrip('/').rpartition('/')[2]}"
        return value

    def _word(self, kind: str, value: str) -> str:
        return self._words.setdefault(f"{kind} {value}", f"{kind}-{len(self._words) + 1}")


def _is_path(value: str) -> bool:
    return value.startswith(("/", "~", "./", "../")) and "/" in value


def answer_text(body: bytes) -> str:
    """Return what may be kept of the JSON answer of an endpoint, empty of one that is no JSON."""
    try:
        return json.dumps(public_document(json_document(body, MAX_VALUES)))
    except ValueError:
        return ""
