"""Environment variables in values of the configuration: `${NAME}` and `${NAME:-default}`.

As in Compose files and shells: the default also stands in for a variable that is empty, and `$$` is
a `$`. Any other `$` is refused, since a name that nothing replaced would be the same for every
replica. Keys are never expanded, and what a variable holds is never read as YAML.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from ..base.errors import ConfigError
from ..base.untrusted import is_unicode
from ..base.validation import Expanded

_VARIABLE: Final = re.compile(
    r"\$(?:(?P<literal>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\})?"
)


def expand(data: Any, source: str, environ: Mapping[str, str] = os.environ) -> Any:
    """Return data with the variables in its texts put in; raise `ConfigError` where one is missing.

    `source` says where the data stands; the error adds key and remedy. Expanded texts remember how
    they were written, for errors that must not show what a variable holds.
    """
    expanded, faults = expand_all(data, environ)
    if faults:
        raise ConfigError(*(": ".join(filter(None, (source, *fault))) for fault in faults.items()))
    return expanded


def expand_all(data: Any, environ: Mapping[str, str] = os.environ) -> tuple[Any, dict[str, str]]:
    """Return data with the variables in its texts put in, and what is wrong by place.

    A place is like `targets.0.url`; what cannot be expanded stays as it is written.
    """
    faults = dict[str, str]()
    return _expanded(data, "", environ, faults), faults


def _expanded(data: Any, place: str, environ: Mapping[str, str], faults: dict[str, str]) -> Any:
    if isinstance(data, dict):
        return {
            key: _expanded(value, f"{place}.{key}", environ, faults) for key, value in data.items()
        }
    if isinstance(data, list):
        return [_expanded(data[i], f"{place}.{i}", environ, faults) for i in range(len(data))]
    if not isinstance(data, str) or "$" not in data:
        return data
    try:
        text = _VARIABLE.sub(lambda match: _value(match, environ), data)
    except ValueError as error:
        faults[place[1:]] = str(error)
        return data
    return Expanded.of(text, written=data)


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match["literal"]:
        return "$"
    name, default = match["name"], match["default"]
    if name is None:
        raise ValueError(
            "a $ begins an environment variable; write ${NAME} or ${NAME:-default}, "
            "and $$ for a $ itself"
        )
    value = environ.get(name)
    if value is None and default is None:
        raise ValueError(
            f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
        )
    if value is not None and not is_unicode(value):
        raise ValueError(f"the environment variable {name} holds bytes that are no UTF-8 text")
    return value or default or ""
