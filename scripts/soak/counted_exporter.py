"""`inferfleet` as its users run it, and beside it how many blocks Python has allocated, in a file.

Resident memory moves by megabytes with what the allocators keep for later; blocks in use tell what
is held on to from that. The first argument is the file, the others are the command's.
"""

import sys
from pathlib import Path
from threading import Thread
from time import sleep

from exporter.cli.app import app

_SECONDS = 1.0


def main() -> None:
    """Run the command."""
    _, file, *arguments = sys.argv
    Thread(target=_count, args=(Path(file),), daemon=True).start()
    sys.argv = ["inferfleet", *arguments]
    app()


def _count(file: Path) -> None:
    while True:
        file.write_text(str(sys.getallocatedblocks()))
        sleep(_SECONDS)


if __name__ == "__main__":
    main()
