"""The configuration file read and checked: every fault is a sentence of file, key and remedy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..base.errors import ConfigError
from ..base.validation import validation_message, validation_sentences
from ..base.yaml_text import read_yaml
from .environment import expand_all
from .http import HttpSettings
from .root import Config


def load_config(path: Path) -> Config:
    """Read and check a configuration file, environment variables in its values put in.

    Raises `ConfigError` naming file, key and remedy of every fault.
    """
    data = read_yaml(path)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, not {type(data).__name__}")
    expanded, faults = expand_all(data)
    return _validated(expanded, str(path), faults)


def load_http_settings(path: Path) -> HttpSettings:
    """Read and check a file with the keys of `http`; raises `ConfigError` as `load_config`."""
    data = read_yaml(path)
    try:
        return HttpSettings.model_validate({} if data is None else data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {validation_message(error, HttpSettings)}") from error


def parse_config(data: dict[str, Any], source: str) -> Config:
    """Check configuration data; `source` names it in errors."""
    return _validated(data, source, {})


def _validated(data: dict[str, Any], source: str, faults: Mapping[str, str]) -> Config:
    """Return the configuration, or raise `ConfigError` with these faults by place and more."""
    sentences = list(faults.items())
    config = None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        unexpanded = tuple(f"{place}." for place in faults)
        sentences += [
            (place, sentence)
            for place, sentence in validation_sentences(error, Config)
            # what has not been put in cannot be right
            if not f"{place}.".startswith(unexpanded)
        ]
    except UnicodeEncodeError:
        sentences.append(("the file", "a key is no Unicode text; correct it"))
    if config is None or sentences:
        raise ConfigError(*(f"{source}: {place}: {sentence}" for place, sentence in sentences))
    return config
