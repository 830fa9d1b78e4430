"""YAML as people write it into files, read within limits and as plain values only.

PyYAML parses; its composer and constructors are not used, because they build aliases that are used
a billion times, nest until the stack ends and make dates and sets of what was meant as text. Here
keys are text, values are text, numbers, switches, nothing, lists and mappings, and a key that
stands twice is refused. Every file that people write is read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from .errors import ConfigError
from .untrusted import EXACT, is_unicode

MAX_BYTES: Final = 8 * 2**20
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 500_000
"""Keys and values of a document, those behind an alias counted each time it is used."""

Schema = Literal["core", "failsafe"]
"""`core` reads numbers, switches and null as such; in `failsafe` every scalar is text."""

_MERGE: Final = "<<"
_STR: Final = "tag:yaml.org,2002:str"
_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(ValueError):
    """A document cannot be read; `line` counts from 1, 0 means the document as a whole."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"line {line}: {fault}" if line else fault)
        self.line = line


# a release that looks like a date stays text, and so does a lone "=" or "<<"
_RESOLVERS: Final = {
    first: [pair for pair in pairs if not pair[0].endswith((":timestamp", ":value", ":merge"))]
    for first, pairs in Resolver.yaml_implicit_resolvers.items()
}


@dataclass(slots=True)
class _Collection:
    """A list or mapping that is being read; `size` counts what is in it, itself included."""

    content: dict[str, object] | list[object]
    anchor: str | None
    key: str | None = None
    merged: tuple[object, ...] = ()
    size: int = 1


class _Builder:
    """Builds one document from the parser's events."""

    def __init__(self, schema: Schema) -> None:
        self.document: object = None
        self._typed = schema == "core"
        self._constructor = SafeConstructor()
        self._documents = 0
        self._open: list[_Collection] = []
        self._anchors: dict[str, tuple[object, int] | None] = {}

    def feed(self, event: yaml.Event) -> None:
        """Take the next event; raises `YamlError`."""
        if isinstance(event, yaml.ScalarEvent):
            self._add(event, self._scalar(event), 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                raise _fault(event, "an alias names no anchor that ends before it")
            self._add(event, *known)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _fault(event, "a second document begins; a file holds one")

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        _check_tag(event)
        if len(self._open) >= MAX_DEPTH:
            raise _fault(event, f"nested deeper than {MAX_DEPTH} levels")
        mapping = isinstance(event, yaml.MappingStartEvent)
        if mapping or isinstance(event, yaml.SequenceStartEvent):
            self._open.append(_Collection({} if mapping else [], event.anchor))
        if event.anchor:
            self._anchors[event.anchor] = None

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        ended = self._open.pop()
        content = ended.content
        if isinstance(content, dict) and ended.merged:
            content = _merged(event, content, ended.merged)
        if ended.anchor:
            self._anchors[ended.anchor] = content, ended.size
        self._add(event, content, ended.size)

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        _check_tag(event)
        value: object = event.value
        if not is_unicode(event.value):
            raise _fault(event, "half of a surrogate pair is no character")
        if self._typed and event.implicit[0] and not self._is_key():
            value = self._plain(event)
        if event.anchor:
            self._anchors[event.anchor] = value, 1
        return value

    def _plain(self, event: yaml.ScalarEvent) -> object:
        text: str = event.value
        resolvers = _RESOLVERS.get(text[:1], ())
        tag = next((tag for tag, pattern in resolvers if pattern.match(text)), _STR)
        if tag == _STR:
            return text
        node = yaml.ScalarNode(tag, text)
        if tag.endswith(":int"):
            try:
                number: int = self._constructor.construct_yaml_int(node)
            except ValueError:
                number = EXACT
            if abs(number) >= EXACT:
                raise _fault(event, "an integer with too many digits; quote it if it is text")
            return number
        if tag.endswith(":float"):
            return self._constructor.construct_yaml_float(node)
        return self._constructor.construct_yaml_bool(node) if tag.endswith(":bool") else None

    def _is_key(self) -> bool:
        return (
            bool(self._open)
            and isinstance(self._open[-1].content, dict)
            and self._open[-1].key is None
        )

    def _add(self, event: yaml.Event, value: object, size: int) -> None:
        """Put a value where it belongs: it is the document, an item, a key, or a key's value."""
        if not self._open:
            self.document = value
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > MAX_VALUES:
            raise _fault(event, f"more than {MAX_VALUES} keys and values, aliases counted each")
        if isinstance(parent.content, list):
            parent.content.append(value)
        elif parent.key is None:
            parent.key = _key(event, value, parent)
        else:
            if parent.key == _MERGE:
                parent.merged = tuple(value) if isinstance(value, list) else (value,)
            else:
                parent.content[parent.key] = value
            parent.key = None


def _key(event: yaml.Event, value: object, mapping: _Collection) -> str:
    if not isinstance(value, str):
        raise _fault(event, "a key must be text, no list, mapping or alias of another value")
    if value in mapping.content or (value == _MERGE and mapping.merged):
        raise _fault(event, f"the key {value!r} stands twice: remove one")
    return value


def _merged(
    event: yaml.Event, own: dict[str, object], others: Sequence[object]
) -> dict[str, object]:
    """Return a mapping with others merged into it: its own keys go first, then the earlier's."""
    merged = dict[str, object]()
    for other in reversed(others):
        if not isinstance(other, Mapping):
            raise _fault(event, f"{_MERGE} takes a mapping, or a list of mappings")
        merged.update(other)
    return merged | own


def _check_tag(event: yaml.NodeEvent) -> None:
    tag = getattr(event, "tag", None)
    if tag not in (None, "!", _STR):
        shown = str(tag).replace("tag:yaml.org,2002:", "!!")
        raise _fault(event, f"the tag {shown} means nothing here: write the value without it")


def _fault(event: yaml.Event, fault: str) -> YamlError:
    return YamlError(event.start_mark.line + 1 if event.start_mark else 0, fault)


def parse_yaml(text: str, schema: Schema = "core") -> object:
    """Return a document, None where it is empty; raise `YamlError` with the line and the fault."""
    builder = _Builder(schema)
    try:
        for event in yaml.parse(text, _PARSER):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        mark, fault = error.problem_mark, " ".join(filter(None, (error.context, error.problem)))
        raise YamlError(mark.line + 1 if mark else 0, fault) from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise YamlError(0, " ".join(str(error).split())) from error
    return builder.document


def read_text(path: Path) -> str:
    """Return the text of a file; raise `ConfigError` naming it and what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read: it is not UTF-8 text") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} cannot be read: it has more than {MAX_BYTES >> 20} MiB")
    return text


def read_yaml(path: Path) -> object:
    """Return the document in a file; raise `ConfigError` naming file, line and fault."""
    try:
        return parse_yaml(read_text(path))
    except YamlError as error:
        raise ConfigError(f"{path} is no valid YAML: {error}") from error
