"""The one configuration file, as pydantic models; unknown keys are refused."""

from .discovery import (
    DiscoverySettings,
    DnsSdSettings,
    FileSdSettings,
    KubernetesSdSettings,
    ShardSettings,
)
from .environment import expand
from .gpu import GpuPageSettings, GpuSettings
from .http import BasicAuth, HttpSettings
from .judge import JudgeSettings
from .load import load_config, load_http_settings, parse_config
from .root import (
    DEFAULT_LISTEN,
    Config,
    LimitSettings,
    LoadCellSettings,
    PublishSettings,
    WebSettings,
)
from .targets import Declaration, Target

__all__ = [
    "DEFAULT_LISTEN",
    "BasicAuth",
    "Config",
    "Declaration",
    "DiscoverySettings",
    "DnsSdSettings",
    "FileSdSettings",
    "GpuPageSettings",
    "GpuSettings",
    "HttpSettings",
    "JudgeSettings",
    "KubernetesSdSettings",
    "LimitSettings",
    "LoadCellSettings",
    "PublishSettings",
    "ShardSettings",
    "Target",
    "WebSettings",
    "expand",
    "load_config",
    "load_http_settings",
    "parse_config",
]
