"""vLLM as a server of this machine, on its CPU or on its GPUs, with nothing fetched."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final, Literal

from .process import start
from .server import Server

MAIN: Final = "from vllm.entrypoints.cli.main import main"
CONSOLE_SCRIPT: Final = f"""import sys
{MAIN}
if __name__ == "__main__":
    sys.exit(main())
"""
ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "PYTHONUNBUFFERED": "1",
}
SEQUENCES: Final = 16
"""The most requests that run at once."""

Device = Literal["cpu", "cuda"]
_MODELS: Final[Mapping[Device, str]] = {"cpu": "tiny", "cuda": "small-1b"}


@dataclass(frozen=True, slots=True)
class Vllm:
    """An installed vLLM: its interpreter, where its modules are beside that (as in PYTHONPATH)."""

    device: Device
    python: str = sys.executable
    path: str = ""

    @property
    def model(self) -> str:
        """The name in `model.SIZES` of what it serves."""
        return _MODELS[self.device]

    def version(self) -> str:
        """Return its version as installed, without what names the build."""
        answer = self._ask("import importlib.metadata as m; print(m.version('vllm'))")
        if not answer:
            raise SystemExit(
                f"{self.python} has no vLLM: say where it is with --engine-path, or leave out "
                "--device and --engine-path, and one for CPUs is installed"
            )
        return answer.partition("+")[0]

    def gpus(self) -> float:
        """Return how many GPUs there are; as many as wanted for a server that needs none."""
        if self.device == "cpu":
            return inf
        return int(self._ask("import torch; print(torch.cuda.device_count())") or 0)

    def serve(
        self,
        name: str,
        port: int,
        model: Path,
        folder: Path,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """Start a server the way its console script does; its log is `folder`/`name`.log."""
        script = folder / "vllm"
        script.write_text(CONSOLE_SCRIPT, encoding="utf-8")
        arguments = [
            *(str(script), "serve", str(model), "--served-model-name", self.model),
            *("--host", "127.0.0.1", "--port", str(port), "--load-format", "dummy"),
            *("--enforce-eager", "--max-model-len", "4096", "--max-num-seqs", str(SEQUENCES)),
            *(("--gpu-memory-utilization", "0.5") if self.device == "cuda" else ()),
            *options,
        ]
        variables = {**self._environment(), **(environment or {})}
        child = start([self.python, *arguments], variables, folder / f"{name}.log")
        return Server(name, port, arguments, child)

    def _ask(self, code: str) -> str:
        """Return what its interpreter answers, empty where it fails."""
        environment = {**os.environ, **self._environment()}
        answer = subprocess.run(
            [self.python, "-c", code], env=environment, capture_output=True, text=True
        )
        return "" if answer.returncode else answer.stdout.strip()

    def _environment(self) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            "PYTHONPATH": self.path,
            "VLLM_SERVER_DEV_MODE": "1",
            "VLLM_USE_V2_MODEL_RUNNER": "0",
            **({"VLLM_CPU_KVCACHE_SPACE": "1"} if self.device == "cpu" else {}),
        }
