"""Servers from Prometheus file_sd files: JSON or YAML lists of `{targets: [...], labels: {...}}`.

Of the labels these are understood: `__scheme__`, `__metrics_path__`, `inferfleet_name` and
`inferfleet_<field>` for every field an operator may declare (`inferfleet_release`,
`inferfleet_gpus`, ...). All others are ignored, since Prometheus adds them itself when it reads
the same file. An empty label counts as none, as in Prometheus.

A file is used whole or not at all: one that is half written or wrong keeps its last good content
in force, one that is deleted takes its servers with it. Format:
https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import filter as fnmatch_filter
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ..base.errors import ConfigError
from ..base.untrusted import json_document, one_line
from ..base.validation import OneLine, StrictModel, validation_message
from ..base.yaml_text import MAX_BYTES, MAX_VALUES, YamlError, parse_yaml
from ..config import Declaration, Target

_ADDRESS: Final = re.compile(r"[^\s/@?#\\]+")
_ENDINGS: Final = (".json", ".yml", ".yaml")
_GLOB: Final = re.compile(r"[*?[]")
_MAX_NAME: Final = 4096
_MAX_QUOTED: Final = 80
_PREFIX: Final = "inferfleet_"


def _address(value: object) -> object:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        shown = one_line(repr(value), _MAX_QUOTED)
        raise ValueError(f"{shown} is no server address; write it like host:8000")
    return value


_Address = Annotated[Target, BeforeValidator(_address)]


class _Labels(Declaration):
    """The labels of a group that this exporter understands."""

    model_config = ConfigDict(extra="ignore", alias_generator=(_PREFIX + "{}").format)

    name: OneLine = ""
    scheme: Literal["http", "https"] = Field("http", alias="__scheme__")
    metrics_path: OneLine = Field("/metrics", alias="__metrics_path__")

    @model_validator(mode="before")
    @classmethod
    def _known_labels(cls, labels: Any) -> Any:
        if not labels:
            return {}
        if not isinstance(labels, dict):
            raise ValueError("must be a mapping of label names to values")
        known = {field.alias for field in cls.model_fields.values()}
        for label, value in labels.items():
            if not isinstance(value, str):
                raise ValueError(f"{label} must be text; write the value in quotes")
            if label.startswith(_PREFIX) and label not in known:
                raise ValueError(f"there is no label {label}; correct its name or remove it")
        return {label: value for label, value in labels.items() if value}


class _Group(StrictModel):
    """One entry of a file: addresses that share labels."""

    targets: Annotated[
        list[_Address], Field(fail_fast=True), BeforeValidator(lambda value: value or [])
    ] = Field([])
    labels: _Labels = _Labels.model_validate({})

    def to_targets(self) -> list[Target]:
        """Return the group's servers, each with what the labels declare."""
        if not self.targets:
            return []
        labels = self.labels
        declared = Declaration(
            **{field: getattr(labels, field) for field in Declaration.model_fields}
        )
        return [
            Target(
                url=f"{labels.scheme}://{target.label}",
                name=labels.name,
                metrics_path="/" + labels.metrics_path.removeprefix("/"),
                declare=declared,
            )
            for target in self.targets
        ]


# a file of a million faults has one sentence, that of the first
_GROUPS: Final = TypeAdapter(Annotated[list[_Group], Field(fail_fast=True)])


def parse_file_sd(data: bytes, path: str) -> tuple[Target, ...]:
    """Return the servers a file's content names; `ConfigError` names the file and the place."""
    if not data.strip():
        raise ConfigError(f"{path} is empty; write [] where there are no servers")
    try:
        text = data.decode("utf-8-sig")
        if path.lower().endswith(".json"):
            content = json_document(text.encode(), MAX_VALUES)
        else:
            # every scalar stays text, as label values are: 0.20 must not become the number 0.2
            content = parse_yaml(text, "failsafe")
    except YamlError as error:
        raise ConfigError(f"{path} is no valid YAML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        groups = _GROUPS.validate_python(content)
        return tuple(target for group in groups for target in group.to_targets())
    except ValidationError as error:
        raise ConfigError(f"{path}: {validation_message(error)}") from error
    except UnicodeEncodeError as error:
        # pydantic raises it over a key that holds half of a character
        raise ConfigError(f"{path}: a key is no Unicode text; correct it") from error


class _TargetFile:
    """One file: its last good servers, and what is wrong with it now.

    `name` is its path as sentences and labels have it: files may be called anything.
    """

    def __init__(self, path: str) -> None:
        self.targets: tuple[Target, ...] = ()
        self.fault = ""
        self._path = path
        self.name = one_line(path, _MAX_NAME)
        self._last_stat: tuple[int, int, int] | None = None

    def refresh(self) -> None:
        """Read the file if it changed; raise `FileNotFoundError` where it is gone."""
        try:
            info = os.stat(self._path)
            stat = info.st_mtime_ns, info.st_size, info.st_ino
            if stat == self._last_stat:
                return
            # Reading a pipe would block for ever.
            if not S_ISREG(info.st_mode):
                raise ConfigError(f"{self.name} is no regular file; give the name of one")
            self.targets = parse_file_sd(self._read(), self.name)
        except FileNotFoundError:
            raise
        except OSError as error:
            self.fault = f"{self.name} cannot be read: {error.strerror}; {self._consequence}"
            # A change of permissions moves nothing that is compared.
            self._last_stat = None
            return
        except ConfigError as error:
            self.fault = f"{error}; {self._consequence}"
        else:
            self.fault = ""
        self._last_stat = stat

    def _read(self) -> bytes:
        with Path(self._path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError(f"{self.name} has more than {MAX_BYTES >> 20} MiB; split it")
        return data

    @property
    def _consequence(self) -> str:
        """What a fault means for the servers."""
        if self.targets:
            return "its last good content stays in force"
        return "it gives no servers until then"


class FileSource:
    """Reads the files that match the patterns of one `file_sd` section.

    A pattern may hold `*`, `?` and `[...]` in its last element only; hidden files are not matched.
    Relative patterns start at the working directory. Raises `ConfigError` for any other pattern.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        for pattern in patterns:
            _check_pattern(pattern)
        self._patterns = tuple(patterns)
        self._files: dict[str, _TargetFile] = {}
        self._problems: tuple[str, ...] = ()

    @property
    def targets(self) -> Mapping[str, tuple[Target, ...]]:
        """The servers by file, in the order of the patterns, then of the file names."""
        return {file.name: file.targets for file in self._files.values()}

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with patterns and files now."""
        return self._problems

    def refresh(self) -> None:
        """List the files again and read those whose time of change, size or inode moved."""
        problems = list[str]()
        files = dict[str, _TargetFile]()
        for path in self._list_paths(problems):
            file = self._files.get(path) or _TargetFile(path)
            try:
                file.refresh()
            except FileNotFoundError:
                if path in self._patterns:
                    problems.append(f"{path} is not there; create it or correct file_sd.files")
                continue
            files[path] = file
            if file.fault:
                problems.append(file.fault)
        self._files, self._problems = files, tuple(problems)

    def _list_paths(self, problems: list[str]) -> Iterable[str]:
        """Return the paths the patterns name now, each once; add what cannot be listed."""
        paths = list[str]()
        for pattern in self._patterns:
            try:
                paths += _paths(pattern)
            except FileNotFoundError:
                problems.append(f"{pattern}: there is no such folder; correct file_sd.files")
            except OSError as error:
                problems.append(f"{pattern} cannot be listed: {error.strerror}; known files stay")
                paths += fnmatch_filter(self._files, pattern)
        return dict.fromkeys(paths)


def _check_pattern(pattern: str) -> None:
    if _GLOB.search(os.path.dirname(pattern)):
        raise ConfigError(
            f"discovery.file_sd.files: {pattern!r} has a wildcard in a folder's name; "
            "wildcards are for the file's name only"
        )
    if not pattern.lower().endswith(_ENDINGS):
        raise ConfigError(f"discovery.file_sd.files: {pattern!r} must end in {', '.join(_ENDINGS)}")


def _paths(pattern: str) -> list[str]:
    """Return the paths a pattern names now; one without wildcards names itself, there or not."""
    folder, glob = os.path.split(pattern)
    if not _GLOB.search(glob):
        return [pattern]
    visible = (name for name in os.listdir(folder or ".") if not name.startswith("."))
    return [os.path.join(folder, match) for match in sorted(fnmatch_filter(visible, glob))]
