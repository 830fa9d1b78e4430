"""One server to watch, and what the operator declares about it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ..base.validation import StrictModel

_WORKLOAD: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9.-]*/)?[^/\s]+")
_LAYOUT: Final = ("tensor_parallel", "pipeline_parallel", "data_parallel")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def _split_at_commas(value: object) -> object:
    """Return a list that is written as one text with commas, as labels hold it."""
    if value is None:
        return ()
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Declaration(StrictModel):
    """What the operator states about a server; of all sources of identity the last.

    `release` alone is not a fact but a choice: it replaces the version as the thing compared.
    """

    release: str | None = None
    version: str | None = None
    model: str | None = None
    gpus: Annotated[int, Field(ge=1)] | None = None
    gpu_model: str | None = None
    role: Literal["prefill", "decode", "both"] | None = None
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    max_num_batched_tokens: Annotated[int, Field(ge=1)] | None = None
    kv_cache_capacity_tokens: Annotated[int, Field(ge=1)] | None = None
    tensor_parallel: Annotated[int, Field(ge=1)] | None = None
    pipeline_parallel: Annotated[int, Field(ge=1)] | None = None
    data_parallel: Annotated[int, Field(ge=1)] | None = None
    quantization: str | None = None
    kv_cache_dtype: str | None = None
    runner: str | None = None
    prefix_caching: bool | None = None
    pod: str | None = None
    workload: str | None = None
    gpu_uuids: Annotated[tuple[str, ...], BeforeValidator(_split_at_commas)] = ()

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, fields: Any) -> Any:
        """Take empty text for nothing declared, as a variable or a label that is not set has it."""
        if not isinstance(fields, dict):
            return fields
        return {key: value for key, value in fields.items() if value != ""}

    @field_validator("workload")
    @classmethod
    def _check_workload(cls, workload: str | None) -> str | None:
        if workload is not None and not _WORKLOAD.fullmatch(workload):
            raise ValueError(
                f"{workload!r} is no workload; write its name, or deployment/name with its type"
            )
        return workload

    @field_validator("pod")
    @classmethod
    def _check_pod(cls, pod: str | None) -> str | None:
        if pod is not None and not all([*pod.split("/"), pod.count("/") == 1]):
            raise ValueError(f"{pod!r} is no pod; write it like namespace/name")
        return pod


class Target(StrictModel):
    """One server to watch. `url` is its base address; `name` becomes the `target` label.

    `models` declares what holds for one model alone, where the page holds several.
    """

    url: str
    name: str = ""
    metrics_path: str = "/metrics"
    declare: Declaration = Declaration()
    models: Mapping[str, Declaration] = {}

    @field_validator("url")
    @classmethod
    def _normalize_url(cls, url: str) -> str:
        if "//" not in url:
            url = f"http://{url}"
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError("credentials do not belong in a url; use the http section")
        try:
            port = parts.port
        except ValueError:
            raise ValueError(f"{url!r} has no usable port; use one from 1 to 65535") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError(f"{url!r} is no server address; write it like http://host:8000")
        return url.rstrip("/").removesuffix("/metrics").rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _expand_url(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @property
    def label(self) -> str:
        """The `target` label: the declared name, else host:port and path of the url."""
        return self.name or self.url.split("//", 1)[1]

    def of_model(self, model: str) -> "Target":
        """Return this target as the server of one of several models on its page.

        What is declared for all holds for it too, but for GPUs, which are all models', and for
        what is declared of another model.
        """
        common = self.declare.model_dump(exclude_defaults=True)
        if common.get("model", model) != model:
            common = {name: common[name] for name in ("pod", "workload") if name in common}
        for name in ("gpus", "gpu_uuids", *_LAYOUT):
            common.pop(name, None)
        own = self.models.get(model, Declaration()).model_dump(exclude_defaults=True)
        return self.model_copy(
            update={
                "name": f"{self.label}/{model}",
                "declare": Declaration(**{**common, **own}),
                "models": {},
            }
        )

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, or in the exporter's own pod."""
        return urlsplit(self.url).hostname in _LOOPBACK
