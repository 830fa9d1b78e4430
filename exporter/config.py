"""The one configuration file, as pydantic models.

Unknown keys are refused. `load` turns every fault into one sentence naming file, key and remedy.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from . import yaml_text
from .errors import ConfigError
from .exposition import Limits
from .units import Duration, Size

DEFAULT_LISTEN: Final = ":10190"

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_FAULTS: Final = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    # what stands there instead may be a secret: it is not shown
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "too_short": "must not be empty",
}


def _listed(value: object) -> object:
    """Return a list written as one text with commas, as labels hold it, as a list."""
    if value is None:
        return ()
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Model(BaseModel):
    """Base of every configuration model: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Declared(Model):
    """What the operator states about a server; the last source of identity to be believed.

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
    tensor_parallel: Annotated[int, Field(ge=1)] | None = None
    pipeline_parallel: Annotated[int, Field(ge=1)] | None = None
    data_parallel: Annotated[int, Field(ge=1)] | None = None
    quantization: str | None = None
    kv_cache_dtype: str | None = None
    runner: str | None = None
    prefix_caching: bool | None = None
    pod: str | None = None
    gpu_uuids: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()

    @field_validator("pod")
    @classmethod
    def _namespaced(cls, pod: str | None) -> str | None:
        if pod is not None and not all([*pod.split("/"), pod.count("/") == 1]):
            raise ValueError(f"{pod!r} is no pod; write it like namespace/name")
        return pod


class BasicAuth(Model):
    """HTTP basic authentication against a server; the password is read from a file."""

    username: str
    password_file: Path


class Http(Model):
    """How servers are asked: credentials and TLS. Secrets come from files, never from this one."""

    bearer_token_file: Path | None = None
    basic_auth: BasicAuth | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("give bearer_token_file or basic_auth, not both")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file beside it")
        return self


class Target(Model):
    """One server to watch. `url` is its base address; `name` becomes the `target` label."""

    url: str
    name: str = ""
    metrics_path: str = "/metrics"
    declare: Declared = Declared()

    @field_validator("url")
    @classmethod
    def _base_url(cls, url: str) -> str:
        if "//" not in url:
            url = f"http://{url}"
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError("credentials do not belong in a url; use the http section")
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} has no usable port: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError(f"{url!r} is no server address; write it like http://host:8000")
        return url.rstrip("/").removesuffix("/metrics").rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @property
    def label(self) -> str:
        """The `target` label: the declared name, else host:port and path of the url."""
        return self.name or self.url.split("//", 1)[1]

    @property
    def beside(self) -> bool:
        """Whether the server is on this machine, or in the exporter's own pod."""
        return urlsplit(self.url).hostname in _LOOPBACK


class FileSd(Model):
    """Prometheus file_sd files (JSON or YAML, globs allowed), read again when they change."""

    files: Annotated[list[str], Field(min_length=1)]
    refresh: Duration = 5.0


class DnsSd(Model):
    """Servers found in DNS; A and AAAA records need `port`, SRV records bring their own."""

    names: Annotated[list[str], Field(min_length=1)]
    type: Literal["A", "AAAA", "SRV"] = "SRV"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    scheme: Literal["http", "https"] = "http"
    refresh: Duration = 30.0

    @model_validator(mode="after")
    def _port(self) -> Self:
        if self.type != "SRV" and self.port is None:
            raise ValueError(f"{self.type} records carry no port: add `port`")
        return self


class KubernetesSd(Model):
    """Pods of a Kubernetes cluster; of the one the exporter runs in where no `api_server` is given.

    `labels` reads declared fields from pod labels (or annotations); `refresh` is how often all pods
    are listed anew, beside the watch that tells changes at once.
    """

    namespaces: list[str] = []
    selector: str = ""
    annotated: bool = False
    port: Annotated[int, Field(ge=1, le=65535)] | str | None = None
    scheme: Literal["http", "https"] = "http"
    release: Literal["version", "image"] = "version"
    labels: dict[str, str] = {}
    refresh: Annotated[Duration, Field(ge=10)] = 600.0
    api_server: str = ""
    http: Http = Http()

    @field_validator("api_server")
    @classmethod
    def _address(cls, api_server: str) -> str:
        return Target(url=api_server).url if api_server else api_server

    @field_validator("labels")
    @classmethod
    def _fields(cls, labels: dict[str, str]) -> dict[str, str]:
        for key in labels:
            if key not in Declared.model_fields:
                raise ValueError(f"{key!r} is nothing that can be declared of a server")
        return labels

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.selector and not self.annotated:
            raise ValueError("every pod would be watched: give a selector, or annotated: true")
        if self.http.basic_auth:
            raise ValueError("the Kubernetes API takes no basic_auth: use bearer_token_file")
        return self


class Discovery(Model):
    """Where servers are found beside the listed targets."""

    file_sd: list[FileSd] = []
    dns_sd: list[DnsSd] = []
    kubernetes: list[KubernetesSd] = []


class PageLimits(Model):
    """The largest page that is read; a larger one is refused whole."""

    page: Size = Limits().page_bytes
    samples: Annotated[int, Field(ge=1)] = Limits().samples
    label_length: Annotated[int, Field(ge=1)] = Limits().label_length

    def limits(self) -> Limits:
        """Return the same limits as the reader takes them."""
        return Limits(self.page, self.samples, self.label_length)


class Shard(Model):
    """The part of the servers that this one of several exporters watches, counted from 0."""

    index: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.index >= self.total:
            raise ValueError(f"there is no shard {self.index} of {self.total}; the first is 0")
        return self


class LoadCells(Model):
    """What is counted into load cells: work from `warm_up` after a start on, in so many cells."""

    warm_up: Annotated[Duration, Field(ge=0)] = 600.0
    max_cells: Annotated[int, Field(ge=1)] = 256


class Web(Model):
    """The exporter's own pages. `config_file` is a Prometheus web configuration file."""

    listen: str = DEFAULT_LISTEN
    config_file: Path | None = None


class GpuPage(Model):
    """A GPU exporter's metrics page: its address, `/metrics` where it names no path."""

    url: str

    @field_validator("url")
    @classmethod
    def _page_url(cls, url: str) -> str:
        base = Target(url=url).url
        named = url.rstrip("/").endswith("/metrics") or not urlsplit(base).path
        return f"{base}/metrics" if named else base

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @property
    def label(self) -> str:
        """What the source is called: host, port and path of the page."""
        return self.url.split("//", 1)[1].removesuffix("/metrics")


class Gpu(Model):
    """Telemetry of the GPUs under the servers: this machine's driver, other exporters' pages."""

    nvml: bool = True
    interval: Annotated[Duration, Field(ge=0.5, le=3600)] = 2.0
    pages: list[GpuPage] = []
    pages_interval: Annotated[Duration, Field(ge=0.5, le=3600)] = 10.0
    timeout: Annotated[Duration, Field(gt=0)] = 5.0
    http: Http = Http()

    @model_validator(mode="after")
    def _once(self) -> Self:
        labels = [page.label for page in self.pages]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"the page of {twice[0]!r} is listed twice: remove one")
        return self


class Config(Model):
    """The whole file."""

    targets: list[Target] = []
    discovery: Discovery = Discovery()
    shard: Shard = Shard()
    http: Http = Http()
    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 5.0
    timeout: Annotated[Duration, Field(gt=0)] = 4.0
    window: Annotated[Duration, Field(gt=0)] = 60.0
    stall_after: Annotated[Duration, Field(gt=0)] = 30.0
    identity_refresh: Annotated[Duration, Field(gt=0)] = 300.0
    workers: Annotated[int, Field(ge=1, le=512)] = 32
    load: LoadCells = LoadCells()
    limits: PageLimits = PageLimits()
    gpu: Gpu = Gpu()
    web: Web = Web()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window < self.interval:
            raise ValueError("window must be at least as long as interval")
        labels = [target.label for target in self.targets]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"two targets are called {twice[0]!r}: give one of them a name")
        return self


def load(path: Path) -> Config:
    """Read and check a configuration file; raise `ConfigError` naming file, key and mend."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {reason}") from error
    try:
        data = yaml_text.read(text)
    except ValueError as error:
        raise ConfigError(f"{path} is no valid YAML: {error}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, not {type(data).__name__}")
    return parse(data, str(path))


def parse(data: dict[str, Any], source: str) -> Config:
    """Check configuration data; `source` names it in errors."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {faults(error)}") from error


def faults(error: ValidationError) -> str:
    """Return a validation error as sentences of place and fault."""
    sentences = []
    for fault in error.errors():
        place = ".".join(str(step) for step in fault["loc"]) or "the file"
        sentences.append(f"{place}: {_fault(fault['type'], fault['msg'], fault['input'])}")
    return "; ".join(sentences)


def _fault(kind: str, message: str, value: object) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in _FAULTS:
        return _FAULTS[kind]
    message = message.replace("Input should", "must").partition(", unable to parse")[0]
    return f"{message}, not {value!r}" if isinstance(value, str | int | float) else message
