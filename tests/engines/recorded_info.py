"""What recorded servers answer about themselves, and who they are by it."""

import json
from collections.abc import Callable
from typing import Any

from exporter.engines.identity import Identity, identify
from exporter.engines.sglang import server_info as sglang_info
from exporter.engines.vllm import server_info as vllm_info
from exporter.replay.recording import Recording
from tests.engines.sources.answers import Server

Recordings = Callable[[str], Recording]
DENSE = "vllm-dense-0.20.2-mrv1"
SGLANG = "sglang-0.5.23-basic-cpu"
H200 = ["vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0", "vllm-moe-0.20.2-mrv2"]


def info_of(recording: Recording) -> dict[str, Any]:
    """Return a fresh copy of what a recorded server said about itself."""
    path = vllm_info.PATH if recording.manifest["engine"] == "vllm" else sglang_info.PATH
    found: dict[str, Any] = json.loads(recording.answers[path].body)
    return found


def of_info(info: object) -> Identity:
    """Return the identity of a vLLM server that answers /server_info alone."""
    return identify("vllm", Server({vllm_info.PATH: info}).get)
