"""One server to watch, and what the operator declares about it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, field_validator, model_validator

from ..base.unit_fields import Count
from ..base.validation import OneLine, StrictModel
from .address import ServerAddress, url_path

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

    release: OneLine | None = None
    version: OneLine | None = None
    model: OneLine | None = None
    gpus: Count | None = None
    gpu_model: OneLine | None = None
    role: Literal["prefill", "decode", "both"] | None = None
    max_num_seqs: Count | None = None
    max_num_batched_tokens: Count | None = None
    kv_cache_capacity_tokens: Count | None = None
    tensor_parallel: Count | None = None
    pipeline_parallel: Count | None = None
    data_parallel: Count | None = None
    quantization: OneLine | None = None
    kv_cache_dtype: OneLine | None = None
    runner: OneLine | None = None
    prefix_caching: bool | None = None
    pod: OneLine | None = None
    workload: OneLine | None = None
    gpu_uuids: Annotated[tuple[OneLine, ...], BeforeValidator(_split_at_commas)] = ()

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


class Target(ServerAddress):
    """One server to watch. `url` is its base address; `name` becomes the `target` label.

    `models` declares what holds for one model alone, where the page holds several.
    """

    name: OneLine = ""
    metrics_path: OneLine = "/metrics"
    declare: Declaration = Declaration()
    models: Mapping[OneLine, Declaration] = {}

    @field_validator("metrics_path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        return url_path(path)

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
