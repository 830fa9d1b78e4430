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
from ..base.validation import Expanded

_VARIABLE: Final = re.compile(
    r"\$(?:(?P<literal>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\})?"
)


def expand(data: Any, source: str, environ: Mapping[str, str] = os.environ) -> Any:
    """Return data with the variables in its texts put in; raise `ConfigError` where one is missing.

    `source` says where the data stands; the error adds key and remedy. Expanded texts remember how
    they were written, for errors that must not show what a variable holds.
    """
    return _expanded(data, source, "", environ)


def _expanded(data: Any, source: str, place: str, environ: Mapping[str, str]) -> Any:
    if isinstance(data, dict):
        return {
            key: _expanded(value, source, f"{place}.{key}", environ) for key, value in data.items()
        }
    if isinstance(data, list):
        return [_expanded(data[i], source, f"{place}.{i}", environ) for i in range(len(data))]
    if not isinstance(data, str) or "$" not in data:
        return data

    where = f"{source}: {place[1:]}" if place else source

    def value_of(match: re.Match[str]) -> str:
        if match["literal"]:
            return "$"
        name, default = match["name"], match["default"]
        if name is None:
            raise ConfigError(
                f"{where}: a $ begins an environment variable; write ${{NAME}} or "
                f"${{NAME:-default}}, and $$ for a $ itself"
            )
        value = environ.get(name)
        if value is None and default is None:
            raise ConfigError(
                f"{where}: the environment variable {name} is not set; set it, or write "
                f"${{{name}:-default}}"
            )
        return value or default or ""

    return Expanded.of(_VARIABLE.sub(value_of, data), written=data)
