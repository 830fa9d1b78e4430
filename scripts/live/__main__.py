"""Serves a real engine and holds what the exporter says of it against what the client knows.

    python -m scripts.live                              vLLM for CPUs, installed into .live/
    python -m scripts.live --engine sglang==0.5.23      another engine or release
    python -m scripts.live --device cuda                a vLLM that is there already, on its GPUs

A tiny model with random weights is served by the engine, loaded, hung up on, restarted, and served
again by two data-parallel engines, while `inferfleet serve` watches. Printed is a table of checks.
Ends with 1 where one fails or a server does not start. Nothing but the install of the engine uses a
network.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final

from . import data_parallel, single
from .checks import Check, table
from .engines.install import DEFAULT, install, present
from .model import write_model
from .setting import Setting

ROUNDS: Final[Mapping[str, Callable[[Setting], list[Check]]]] = {
    single.NAME: single.run,
    data_parallel.NAME: data_parallel.run,
}
_GPUS: Final = {single.NAME: 1, data_parallel.NAME: 2}
_BUDGET: Final = {"cpu": 3000.0, "cuda": 440.0}


def main() -> None:
    """Run the rounds and print the table; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default=DEFAULT, help="what to install, such as vllm==0.32.0")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--engine-path",
        help="where the modules of an installed engine are, as in PYTHONPATH; nothing is installed",
    )
    parser.add_argument("--exporter-path", default=os.environ.get("PYTHONPATH", ""))
    parser.add_argument("--only", choices=list(ROUNDS), help="run one round alone")
    parser.add_argument("--budget", type=float, help="seconds for everything but the install")
    parser.add_argument("--out", type=Path, help="folder to keep logs, pages and results in")
    given = parser.parse_args()
    if given.device == "cpu" and given.engine_path is None:
        installation = install(given.engine)
    else:
        path = given.engine_path or os.environ.get("PYTHONPATH", "")
        installation = present(given.engine, given.device, path)
    with TemporaryDirectory() as temporary:
        out = given.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        setting = Setting(
            installation=installation,
            version=installation.version(),
            model=write_model(out, installation.model),
            out=out,
            exporter_path=given.exporter_path,
            end=monotonic() + (given.budget or _BUDGET[given.device]),
        )
        checks = list[Check]()
        for name, round_ in ROUNDS.items():
            if given.only not in (None, name):
                continue
            if installation.gpus() < _GPUS[name]:
                print(f"{name}: not run, it takes {_GPUS[name]} GPUs", flush=True)
                continue
            checks += attempt(name, round_, setting)
        document = {"version": setting.version, "checks": [asdict(check) for check in checks]}
        (out / "results.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    print(table(checks))
    wrong = sum(not check.right for check in checks)
    ran = f"{installation.engine.title} {setting.version} on {given.device}"
    print(f"{ran}: {len(checks)} checks, {wrong} wrong")
    sys.exit(1 if wrong or not checks else 0)


def attempt(name: str, round_: Callable[[Setting], list[Check]], setting: Setting) -> list[Check]:
    """Return the checks of a round, a single failed one where it could not be run."""
    try:
        return round_(setting)
    except (RuntimeError, OSError) as error:
        print(f"--- {name}: {error}", flush=True)
        return [Check(f"{name}: ran", "yes", "no", False)]


if __name__ == "__main__":
    main()
