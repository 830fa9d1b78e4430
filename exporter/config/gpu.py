"""Where telemetry of the GPUs under the servers comes from."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ..base.unit_fields import Duration
from ..base.validation import StrictModel, first_duplicate
from .address import ServerAddress, server_url
from .http import HttpSettings


class GpuPageSettings(ServerAddress):
    """A GPU exporter's metrics page: its address, `/metrics` where it names no path."""

    @field_validator("url")
    @classmethod
    def _normalize_url(cls, url: str) -> str:
        base = server_url(url)
        at_metrics = url.rstrip("/").endswith("/metrics") or not urlsplit(base).path
        return f"{base}/metrics" if at_metrics else base

    @property
    def label(self) -> str:
        """What the source is called: host, port and path of the page."""
        return self.url.split("//", 1)[1].removesuffix("/metrics")


class GpuSettings(StrictModel):
    """Telemetry of the GPUs under the servers: this machine's driver, other exporters' pages."""

    nvml: bool = True
    interval: Annotated[Duration, Field(ge=0.5, le=3600)] = 2.0
    pages: list[GpuPageSettings] = Field(default_factory=list)
    pages_interval: Annotated[Duration, Field(ge=0.5, le=3600)] = 10.0
    timeout: Annotated[Duration, Field(gt=0)] = 5.0
    http: HttpSettings = HttpSettings()

    @model_validator(mode="after")
    def _check_duplicates(self) -> Self:
        if duplicate := first_duplicate(page.label for page in self.pages):
            raise ValueError(f"the page of {duplicate!r} is listed twice: remove one")
        return self
