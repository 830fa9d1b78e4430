"""How the servers of each round are started: by which launcher, on which GPUs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.live.engines.vllm import CONSOLE_SCRIPT, ENVIRONMENT, MAIN
from scripts.live.process import start
from scripts.live.server import Server

_WRAPPER: Final = f"""import sys
{MAIN}
if __name__ == "__main__":
    sys.argv[1:1] = ["serve"]
    main()
"""
MODEL: Final = "small-1b"


@dataclass(frozen=True, slots=True)
class Plan:
    """One server to start: how, on which GPUs, with which options beside those of every server."""

    name: str
    launcher: str
    gpus: tuple[int, ...]
    options: tuple[str, ...] = ()


ROUNDS: Final = (
    (Plan("console", "console script", (0,)), Plan("module", "python -m", (1,))),
    (Plan("wrapper", "wrapper script", (0,)), Plan("code", "python -c", (1,))),
    (Plan("tp2", "wrapper script", (0, 1), ("--tensor-parallel-size", "2")),),
    (Plan("dp2", "wrapper script", (0, 1), ("--data-parallel-size", "2")),),
)
"""Servers of one round run at once, each on GPUs of its own."""

PLANS: Final = {plan.name: plan for plans in ROUNDS for plan in plans}


def launch(
    plan: Plan, port: int, model: Path, folder: Path, python_path: str, extra: Sequence[str]
) -> Server:
    """Start a server the way its plan says."""
    scripts = {"vllm": CONSOLE_SCRIPT, "my_server.py": _WRAPPER}
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = {
        "console script": [str(folder / "vllm"), "serve", str(model)],
        "python -m": ["-m", "vllm.entrypoints.openai.api_server", "--model", str(model)],
        "wrapper script": [str(folder / "my_server.py"), str(model)],
        "python -c": ["-c", f"{MAIN}; main()", "serve", str(model)],
    }[plan.launcher]
    arguments = [
        *command,
        *("--host", "127.0.0.1", "--port", str(port), "--load-format", "dummy"),
        *("--served-model-name", MODEL, "--max-model-len", "4096", "--max-num-seqs", "128"),
        *("--gpu-memory-utilization", "0.5", *plan.options, *extra),
    ]
    visible = ",".join(map(str, plan.gpus))
    environment = {**ENVIRONMENT, "CUDA_VISIBLE_DEVICES": visible, "PYTHONPATH": python_path}
    child = start([sys.executable, *arguments], environment, folder / f"{plan.name}.log")
    return Server(plan.name, port, arguments, child)
