"""What `inferfleet preflight` costs for 100 dashboards: this product's own, with dead names.

`python -m scripts.bench_preflight --write` puts the line into docs/preflight.md.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from scripts.bench.document import with_sections

ROOT: Final = Path(__file__).parent.parent
DOCUMENT: Final = ROOT / "docs" / "preflight.md"
BOARDS: Final = ROOT / "dashboards" / "generated"
DASHBOARDS: Final = 100


def main() -> None:
    """Measure one run, and print the line or write it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help=f"write the line of {DOCUMENT}")
    with tempfile.TemporaryDirectory() as folder:
        boards = islice(cycle(sorted(BOARDS.glob("*.json"))), DASHBOARDS)
        for number, board in enumerate(boards):
            # as if every name were the engine's, and none right: each query is read to its end
            text = board.read_text("utf-8").replace("inferfleet_", "vllm:")
            (Path(folder) / f"{number}.json").write_text(text, "utf-8")
        command = [sys.executable, "-m", "exporter", "preflight"]
        command += ["--from", "vllm==0.19.1", "--to", "vllm==0.33.0", "--fail-on", "never"]
        command += ["--dashboards", folder]
        started = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = (
        f"{run.stdout.splitlines()[1].capitalize()}: {seconds:.1f} s, "
        f"{usage.ru_utime + usage.ru_stime:.1f} s of it CPU, {usage.ru_maxrss / 1024:.0f} MB at "
        "most.\n"
    )
    if arguments.parse_args().write:
        page = DOCUMENT.read_text("utf-8")
        DOCUMENT.write_text(with_sections(page, {"preflight cost": line}), "utf-8")
    else:
        print(line)


if __name__ == "__main__":
    main()
