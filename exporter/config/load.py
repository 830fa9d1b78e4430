"""The configuration file read and checked: every fault is a sentence of file, key and remedy."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..base.errors import ConfigError
from ..base.validation import validation_message
from ..base.yaml_text import read_yaml
from .environment import expand
from .root import Config


def load_config(path: Path) -> Config:
    """Read and check a configuration file, environment variables in its values put in.

    Raises `ConfigError` naming file, key and remedy.
    """
    data = read_yaml(path)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, not {type(data).__name__}")
    return parse_config(expand(data, str(path)), str(path))


def parse_config(data: dict[str, Any], source: str) -> Config:
    """Check configuration data; `source` names it in errors."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {validation_message(error)}") from error
