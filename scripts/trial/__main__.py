"""Trials of the upgrade verdict: `python -m scripts.trial`.

Simulates fleets of every scenario, puts them before `compare` and what people do
by hand, and prints how often each is right; with `--watch`, when `compare --wait` has its verdict.
`--write SECTION` puts the tables into docs/trials.md.
"""

import argparse
import os
import sys
from pathlib import Path
from time import monotonic

from .designs import PLANS
from .outcome import Outcome
from .report import measures_report, report, write
from .scenarios import CASES
from .tables import Results
from .trials import jobs, judge, read, run_all, save
from .watch import Watch, table, watch
from .watch import read as read_watched
from .watch import save as save_watched


def main() -> None:
    """Run the trials, or read them, and print or write their tables."""
    options = _options()
    begin = monotonic()
    command = "python -m scripts.trial " + " ".join(sys.argv[1:])
    names = [name for name in CASES if any(part in name for part in options.only)]
    seeds = range(options.first, options.first + options.seeds)
    if options.watch:
        watched = [each for path in options.read for each in read_watched(path)]
        if not options.read:
            todo = [Watch(name, seed) for seed in seeds for name in names]
            for found in run_all(watch, todo, options.jobs, options.minutes):
                watched += found
        if options.save:
            save_watched(watched, options.save)
        section, text = "watch", "\n".join([f"`{command}`", "", *table(watched)])
    else:
        outcomes = list[Outcome]()
        for path in options.read:
            outcomes += read(path)
        if not options.read:
            plans = [options.plan] if options.plan else list(PLANS)
            todo_fleets = jobs(names, plans, seeds)
            for judged in run_all(judge, todo_fleets, options.jobs, options.minutes):
                outcomes += judged
        if options.save:
            save(outcomes, options.save)
        results = Results(outcomes)
        section, text = options.write or "", report(results, command)
        if options.measures:
            text = measures_report(results, command, options.measures)
    print(text)
    print(f"{monotonic() - begin:.0f} s")
    if options.write:
        write(section, text)


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=4, help="fleets for each row")
    arguments.add_argument("--first", type=int, default=70_000, help="the first seed")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument(
        "--minutes", type=float, default=600.0, help="begin no fleet after that; seeds go in turn"
    )
    arguments.add_argument(
        "--only", nargs="+", default=[""], help="parts of the scenarios' names, by default all"
    )
    arguments.add_argument("--plan", choices=tuple(PLANS), help="only the designs of this plan")
    arguments.add_argument("--watch", action="store_true", help="ask again for 24 hours")
    arguments.add_argument("--save", type=Path, help="keep the results in this file (.jsonl.xz)")
    arguments.add_argument(
        "--read", type=Path, nargs="+", default=[], help="take the results from such files"
    )
    arguments.add_argument(
        "--measures", nargs="+", default=[], help="tables of these measures alone, every case"
    )
    arguments.add_argument(
        "--write", help="the section of docs/trials.md to write: was, is, measures, part, watch"
    )
    return arguments.parse_args()


if __name__ == "__main__":
    main()
