"""Whether this exporter judges upgrades, and of which Prometheus it asks."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from ..base.unit_fields import Duration, Share, Size
from ..base.validation import StrictModel
from .http import HttpSettings

Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]


class JudgeSettings(StrictModel):
    """Upgrades judged in a process of its own, and published on this exporter's pages.

    `memory` is the most that the process may hold; `margin` is that of the rules where not given.
    """

    prometheus: str
    every: Annotated[Duration, Field(gt=0)] = 300.0
    window: Annotated[Duration, Field(gt=0)] = 7 * 86_400.0
    timeout: Annotated[Duration, Field(gt=0)] = 120.0
    margin: Annotated[Share, Field(gt=0, lt=1)] | None = None
    keep_labels: tuple[Label, ...] = ("cluster",)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    http: HttpSettings = HttpSettings()
    state: Path | None = None
    memory: Size = 1 << 30

    @field_validator("prometheus")
    @classmethod
    def _check_scheme(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of a Prometheus; write http://HOST:9090")
        return url
