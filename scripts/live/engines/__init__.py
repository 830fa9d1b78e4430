"""The engines that a run can serve, by name."""

from collections.abc import Mapping
from typing import Final

from .engine import Engine
from .sglang import SGLANG
from .vllm import VLLM

ENGINES: Final[Mapping[str, Engine]] = {engine.name: engine for engine in (VLLM, SGLANG)}
