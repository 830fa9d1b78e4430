"""A quiet fortnight and a dozen faults before the alert rules as shipped; the tables of
docs/alert-drill.md.

`python -m scripts.alert_drill --write` takes an hour of a core, spread over all there are.
`--rules TITLE=DIR` takes another version's generated rules beside them, for comparison.
"""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from .faults import AT, FAULTS, Fault
from .fleet import DAY
from .promtool import Firing, firing
from .quiet import quiet

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "alert-drill.md"
_PART: Final = 3
"""Days that are run at once, and one before them."""
_BEGIN, _END = "<!-- begin: {} -->\n", "<!-- end: {} -->"


def rules(folder: Path) -> list[Path]:
    """Return the rule files of a folder."""
    return [folder / f"inferfleet-{part}.yaml" for part in ("recording", "alerts")]


def quiet_table(days: int, folders: Sequence[tuple[str, Path]]) -> str:
    """Return what fired in a quiet fortnight, by severity, for each set of rules."""
    lines = ["| rules | pages (critical) | tickets (warning) |", "|---|---|---|"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = [
            (title, first, pool.submit(firing, quiet(_PART + 1, first=first), rules(folder)))
            for title, folder in folders
            for first in range(0, days - 1, _PART)
        ]
    for title, _ in folders:
        fired = [
            entry
            for of, first, part in parts
            if of == title
            # the day before a later part is there for what looks back, and what fires at the
            # very beginning of a day has fired before
            for entry in part.result()
            if (first == 0 or entry.since >= DAY) and (entry.since % DAY or entry.since == 0)
        ]
        cells = [_counted(fired, severity) for severity in ("critical", "warning")]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _counted(fired: Sequence[Firing], severity: str) -> str:
    counts = Counter(entry.alert for entry in fired if entry.severity == severity)
    names = ", ".join(f"{count} {alert}" for alert, count in sorted(counts.items()))
    return f"**{sum(counts.values())}**" + (f": {names}" if names else "")


def faults_table(folder: Path) -> str:
    """Return after how long each fault's alert fired, and what else did."""
    lines = ["| fault | alert | severity | after | besides |", "|---|---|---|---|---|"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        without = pool.submit(firing, quiet(1), rules(folder))
        runs = [pool.submit(firing, fault.fleet(1), rules(folder)) for fault in FAULTS]
    usual = {(entry.alert, entry.subject) for entry in without.result()}
    lines += [_row(fault, run.result(), usual) for fault, run in zip(FAULTS, runs, strict=True)]
    return "\n".join(lines) + "\n"


def _row(fault: Fault, fired: Sequence[Firing], usual: set[tuple[str, str]]) -> str:
    new = [
        entry for entry in fired if entry.since >= AT and (entry.alert, entry.subject) not in usual
    ]
    wanted = next((entry for entry in new if entry.alert == fault.alert), None)
    besides = sorted({entry.alert for entry in new} - {fault.alert})
    severity, after = (wanted.severity, f"{wanted.since - AT} min") if wanted else ("", "**never**")
    return f"| {fault.title} | {fault.alert} | {severity} | {after} | {', '.join(besides)} |"


def write(part: str, table: str) -> None:
    """Put a table between its markers in the document."""
    text = PAGE.read_text(encoding="utf-8")
    head, begin, rest = text.partition(_BEGIN.format(part))
    _, end, tail = rest.partition(_END.format(part))
    PAGE.write_text(f"{head}{begin}{table}{end}{tail}", encoding="utf-8")


def main() -> None:
    """Run the drill."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, default=16, help="days of the quiet fleet")
    arguments.add_argument("--rules", action="append", default=[], metavar="TITLE=DIR")
    arguments.add_argument("--only", action="append", choices=("faults", "quiet"))
    arguments.add_argument("--write", action="store_true", help="write docs/alert-drill.md")
    options = arguments.parse_args()
    shipped = ROOT / "alerts" / "generated"
    others = [
        (title, Path(folder)) for title, _, folder in (r.partition("=") for r in options.rules)
    ]
    tables = {
        "faults": lambda: faults_table(shipped),
        "quiet": lambda: quiet_table(options.days, [("as shipped", shipped), *others]),
    }
    for part in options.only or tables:
        table = tables[part]()
        print(table, flush=True)
        if options.write:
            write(part, table)


if __name__ == "__main__":
    main()
