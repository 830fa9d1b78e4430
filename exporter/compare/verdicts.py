"""The verdicts of a judge as data, and the file that keeps them across a restart.

Needs no numpy: whoever shows the verdicts does not work them out.
"""

import logging
import re
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from ..base.atomic_write import write_atomically
from ..base.errors import CompareError
from ..vocabulary.exporter import JUDGE
from .assess.result import Comparison

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 64 << 20
"""The largest document of verdicts that is read."""
_OWN_LABELS: Final = frozenset(label for family in JUDGE for label in family.labels)


class Verdicts(BaseModel):
    """The comparisons of the last run that succeeded, and when that was (Unix seconds), 0 if never.

    JSON of a judge that runs as a process of its own, and of a state file.
    """

    succeeded_at: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    comparisons: tuple[Comparison, ...] = ()

    @model_validator(mode="after")
    def _check_label_names(self) -> Self:
        for comparison in self.comparisons:
            for name in comparison.external_labels:
                check_external_label(name)
        return self


def check_external_label(name: str) -> None:
    """Raise `ValueError` where a label cannot stand beside those of a verdict."""
    if name in _OWN_LABELS:
        raise ValueError(f"{name} is a label of the verdicts themselves")
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise ValueError(f"{name!r} is no label name")


def load_verdicts(path: Path) -> Verdicts:
    """Return the verdicts that a file keeps, none where it is missing, damaged or of another kind.

    Raises `CompareError` where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return Verdicts.model_validate_json(file.read(MAX_BYTES))
    except FileNotFoundError:
        return Verdicts()
    except OSError as error:
        raise CompareError(f"--state: {path} cannot be read: {error.strerror or error}") from error
    except ValidationError:
        _log.warning("--state: %s is damaged or of another release, and is begun anew", path)
        return Verdicts()


def save_verdicts(path: Path, verdicts: Verdicts) -> None:
    """Write the verdicts into a file, whole or not at all; a fault is logged."""
    try:
        write_atomically({path: verdicts.model_dump_json()})
    except OSError as error:
        _log.warning("--state: %s cannot be written: %s", path, error.strerror or error)
