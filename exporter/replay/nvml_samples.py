"""nvml.jsonl of a recording: a line with each GPU's metadata, then all samples in order of time.

Of several GPUs every line says in `gpu` which it is of, from 0 on; a line without is of GPU 0.
"""

import io
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..base.validation import validation_message
from .manifest import UnixTime, checked_document

_MAX_LINES: Final = 200_000
_MAX_VALUES: Final = 10_000

Amount = Annotated[float, Field(ge=0)] | None


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str = ""
    driver: str = ""
    power_limit_mw: Amount = None


class _Line(BaseModel):
    """Every key may be missing, as a GPU may not have the counter."""

    model_config = ConfigDict(extra="allow")

    meta: _Metadata | None = None
    gpu: Annotated[int, Field(ge=0, lt=1024)] | None = None
    t: UnixTime | None = None
    energy_mj: Amount = None
    power_mw: Amount = None
    mem_used: Amount = None
    mem_total: Amount = None
    util_gpu: Amount = None
    util_mem: Amount = None
    temp: float | None = None
    sm_mhz: Amount = None
    mem_mhz: Amount = None
    reasons: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    procs: list[Any] | None = None


def parse_nvml_samples(content: bytes) -> tuple[Mapping[str, Any], ...]:
    """Return the lines, without keys that are null; raise `ValueError` with the fault."""
    lines, last = list[Mapping[str, Any]](), 0.0
    for number, text in enumerate(io.BytesIO(content), start=1):
        if number > _MAX_LINES:
            raise ValueError(f"it has more than {_MAX_LINES} lines: sample less often")
        if not text.strip():
            continue
        try:
            line = _Line.model_validate(checked_document(text, _MAX_VALUES))
        except ValidationError as error:
            raise ValueError(f"line {number}: {validation_message(error)}") from None
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if line.t is not None:
            if line.t < last:
                raise ValueError(f"line {number}: its time lies before that of the line before it")
            last = line.t
        lines.append(line.model_dump(exclude_none=True))
    return tuple(lines)
