"""Hold `inferfleet preflight` against public projects' files whose faults are known.

`python -m scripts.survey FOLDER --write` looks at the clones FOLDER/OWNER/NAME of the projects in
`projects.yaml`, each at the revision that stands there, and puts the tables into docs/preflight.md.
It asks no network. What was missed or false is printed, a line each.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from scripts.bench.document import with_sections

from .expected import survey
from .outcome import outcome
from .tables import sections

_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "preflight.md"


def main() -> None:
    """Look at every project; print the tables or write them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="where the clones are, as OWNER/NAME")
    arguments.add_argument("--write", action="store_true", help=f"write {_DOCUMENT.name}")
    given = arguments.parse_args()
    known = survey()
    outcomes = [outcome(project, known.releases, given.folder) for project in known.projects]
    for each in outcomes:
        for word, lines in (("missed", each.missed), ("false", each.false)):
            for line in lines:
                print(f"{each.project.name}: {word}: {line}", file=sys.stderr)
    tables = sections(outcomes)
    if given.write:
        _DOCUMENT.write_text(with_sections(_DOCUMENT.read_text("utf-8"), tables), "utf-8")
    else:
        print(*tables.values(), sep="\n")


if __name__ == "__main__":
    main()
