"""An engine that is installed, as a server of this machine, with nothing fetched."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from ..process import start
from ..server import Server
from .engine import Device, Engine

_MODELS: Final[Mapping[Device, str]] = {"cpu": "tiny", "cuda": "small-1b"}


@dataclass(frozen=True, slots=True)
class Installation:
    """An engine's interpreter, and where its modules are beside that (as in PYTHONPATH)."""

    engine: Engine
    device: Device
    python: str = sys.executable
    path: str = ""

    @property
    def model(self) -> str:
        """The name in `model.SIZES` of what it serves."""
        return _MODELS[self.device]

    def version(self) -> str:
        """Return its version as installed, without what names the build."""
        name = self.engine.name
        answer = self._ask(f"import importlib.metadata as m; print(m.version({name!r}))")
        if not answer:
            raise SystemExit(
                f"{self.python} has no {self.engine.title}: say where it is with --engine-path, "
                "or leave out --device and --engine-path, and one for CPUs is installed"
            )
        return answer.partition("+")[0]

    def gpus(self) -> float:
        """Return how many GPUs there are; as many as wanted for a server that needs none."""
        if self.device == "cpu":
            return inf
        return int(self._ask("import torch; print(torch.cuda.device_count())") or 0)

    def serve(self, name: str, port: int, model: Path, folder: Path, ranks: bool = False) -> Server:
        """Start a server the way its console script does; its log is `folder`/`name`.log.

        With `ranks` it has two data-parallel engines.
        """
        script = folder / self.engine.name
        script.write_text(self.engine.script, encoding="utf-8")
        arguments = [
            *(str(script), *self.engine.arguments, str(model), "--served-model-name", self.model),
            *("--host", "127.0.0.1", "--port", str(port), "--load-format", "dummy"),
            *self.engine.options[self.device],
            *(self.engine.ranks if ranks else ()),
        ]
        more = self.engine.ranks_environment[self.device] if ranks else {}
        variables = {**self._environment(), **more}
        child = start([self.python, *arguments], variables, folder / f"{name}.log")
        return Server(name, port, arguments, child, self.engine.ready_path)

    def _ask(self, code: str) -> str:
        """Return what its interpreter answers, empty where it fails."""
        environment = {**os.environ, **self._environment()}
        answer = subprocess.run(
            [self.python, "-c", code], env=environment, capture_output=True, text=True
        )
        return "" if answer.returncode else answer.stdout.strip()

    def _environment(self) -> dict[str, str]:
        return {
            "HF_HUB_OFFLINE": "1",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": self.path,
            **self.engine.environment[self.device],
        }
