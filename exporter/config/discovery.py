"""Where servers are discovered, and the shard of them that this exporter watches."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ..base.unit_fields import Duration
from ..base.validation import StrictModel
from .address import server_url
from .http import HttpSettings
from .targets import Declaration


class FileSdSettings(StrictModel):
    """Prometheus file_sd files (JSON or YAML, globs allowed), read again when they change."""

    files: Annotated[list[str], Field(min_length=1)]
    refresh: Duration = 5.0


class DnsSdSettings(StrictModel):
    """Servers in DNS; A and AAAA records need `port`, SRV records bring their own."""

    names: Annotated[list[str], Field(min_length=1)]
    type: Literal["A", "AAAA", "SRV"] = "SRV"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    scheme: Literal["http", "https"] = "http"
    refresh: Duration = 30.0

    @model_validator(mode="after")
    def _check_port(self) -> Self:
        if self.type != "SRV" and self.port is None:
            raise ValueError(f"{self.type} records carry no port: add `port`")
        return self


class KubernetesSdSettings(StrictModel):
    """Pods of a Kubernetes cluster; of the one the exporter runs in where no `api_server` is given.

    `labels` reads declared fields from pod labels (or annotations); `refresh` is how often all pods
    are listed again, beside the watch, which reports changes at once.
    """

    namespaces: list[str] = Field(default_factory=list)
    selector: str = ""
    annotated: bool = False
    port: Annotated[int, Field(ge=1, le=65535)] | str | None = None
    scheme: Literal["http", "https"] = "http"
    release: Literal["version", "image"] = "version"
    labels: dict[str, str] = Field(default_factory=dict)
    refresh: Annotated[Duration, Field(ge=10)] = 600.0
    api_server: str = ""
    http: HttpSettings = HttpSettings()

    @field_validator("api_server")
    @classmethod
    def _normalize_url(cls, api_server: str) -> str:
        return server_url(api_server) if api_server else api_server

    @field_validator("labels")
    @classmethod
    def _check_fields(cls, labels: dict[str, str]) -> dict[str, str]:
        for key in labels:
            if key not in Declaration.model_fields:
                fields = ", ".join(Declaration.model_fields)
                raise ValueError(f"{key!r} is no field of `declare`; there are {fields}")
        return labels

    @model_validator(mode="after")
    def _check_selection(self) -> Self:
        if not self.selector and not self.annotated:
            raise ValueError("every pod would be watched: give a selector, or annotated: true")
        if self.http.basic_auth:
            raise ValueError("the Kubernetes API takes no basic_auth: use bearer_token_file")
        return self


class DiscoverySettings(StrictModel):
    """Where servers are looked up beside the listed targets."""

    file_sd: list[FileSdSettings] = Field(default_factory=list)
    dns_sd: list[DnsSdSettings] = Field(default_factory=list)
    kubernetes: list[KubernetesSdSettings] = Field(default_factory=list)


class ShardSettings(StrictModel):
    """The part of the servers that this one of several exporters watches, counted from 0."""

    index: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _check_index(self) -> Self:
        if self.index >= self.total:
            raise ValueError(f"there is no shard {self.index} of {self.total}; the first is 0")
        return self
