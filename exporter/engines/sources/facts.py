"""What a source may report of a server, and how its raw values are read.

Owns the sources and their order of trust. Which report is believed is settled in `identity`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from ...base.untrusted import EXACT, json_document

Source = Literal[
    "metrics",
    "models",
    "version",
    "server_info",
    "loads",
    "server_args",
    "command_line",
    "cache_config_info",
    "telemetry",
    "pod",
    "declared",
]
"""Where a fact was read, most trusted first.

What the server says it runs comes first, for only it knows what became of its options on this
machine; then what it was started with, which the machine may not have allowed (`server_args` are
options the server itself repeats, unfitted); then `telemetry`, which sees GPUs but not what the
server does on them; then the `pod`'s specification, which may give a server more than it uses; and
last what an operator declared, which goes stale unnoticed at the next rollout.
"""

TRUST: Final[tuple[Source, ...]] = get_args(Source)

Value = str | int | float | bool

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUMAN: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kKmMgGtT])")
_POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4}
_DTYPES: Final = {"half": "float16", "float": "float32", "fp16": "float16", "bf16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a server, and the source that reports it."""

    value: Value
    source: Source


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source reports: values by the name of the fact, and the settings it lists."""

    source: Source
    values: Mapping[str, Value]
    settings: Mapping[str, str] = field(default_factory=dict)


def known_values(**values: Value | None) -> dict[str, Value]:
    """Return the values that are known, by name."""
    return {key: value for key, value in values.items() if value is not None and value != ""}


def table(value: object) -> Mapping[str, object]:
    """Return a JSON object as it is and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a JSON list, none where it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def first(value: object) -> object:
    """Return the first of a list, or the value itself where it is none."""
    return (value[0] if value else None) if isinstance(value, list) else value


def count(value: object) -> int | None:
    """Return a whole number from 0 to 2^53, given as number or digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < EXACT else None


def positive_count(value: object) -> int | None:
    """Return a positive whole number as `count` does; None for anything else."""
    return count(value) or None


def device(value: object) -> str | None:
    """Return `cpu` for that device and None for any other: a source may not know which GPUs."""
    return "cpu" if value == "cpu" else None


def human(value: object) -> int | None:
    """Return a positive whole number that may be written like `8k` (8000) or `8K` (8192)."""
    match = _HUMAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return positive_count(value)
    power = _POWERS[match[2].lower()]
    if len(match[1]) >= 19:
        return None
    if match[2].islower():
        return positive_count(round(float(match[1]) * 1000**power))
    return positive_count(int(match[1]) * 1024**power) if match[1].isdigit() else None


def truth(value: object) -> bool | None:
    """Return a boolean, given as JSON, Python or command-line text."""
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def word(value: object) -> str | None:
    """Return a short name such as `fp8_e4m3`; None for text that is none."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def lower(value: object) -> str | None:
    """Return a short name in lower case, as engines differ in case alone."""
    name = word(value)
    return name.lower() if name else None


def title(value: object) -> str | None:
    """Return a device's marketing name, such as `NVIDIA H200`."""
    if not isinstance(value, str) or not value.isprintable() or "/" in value:
        return None
    return value.strip()[:80]


def dtype(value: object) -> str | None:
    """Return a number format without `torch.`; None for `auto`, which leaves it open."""
    name = chosen(value)
    if name is None:
        return None
    name = name.removeprefix("torch.")
    return _DTYPES.get(name, name)


def model_name(value: object) -> str | None:
    """Return the name a model is known by: of a path or address, the last component alone.

    `org/name` is kept, for that is how hubs, clients and metrics pages call a model.
    """
    if not isinstance(value, str) or not value.isprintable() or len(value) > 512:
        return None
    if _HUB_NAME.fullmatch(value):
        return value
    return base_name(value)


def base_name(value: object) -> str | None:
    """Return the last component of a model's path, address or `org/name`."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    last = re.split(r"[/\\]", value.strip().rstrip("/\\"))[-1]
    return last if last.strip(".~") and len(last) <= 128 else None


def product(*sizes: int | None) -> int | None:
    """Return the product, None where one size is unknown."""
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return positive_count(total)


def chosen(value: object) -> str | None:
    """Return a short name in lower case, None for `auto`, which leaves the choice to the server."""
    name = lower(value)
    return None if name == "auto" else name


def parsed(text: str) -> object:
    """Return text as JSON, None where it is none."""
    try:
        return json_document(text.encode())
    except ValueError:
        return None
