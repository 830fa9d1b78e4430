"""Measure what the exporter costs beside Prometheus, whole processes on the very same pages.

`--quick` takes under three minutes; the whole takes 25. Everything runs on this machine and stops
by itself.
"""

import argparse
import resource

from exporter.replay.recording import bundled_recordings, load_recording

from .measurement import Course, measure
from .parser import parser_cost
from .report import cost_row, cost_table, parser_table

FLEETS = (1, 10, 100, 200, 500, 1000)
QUICK_FLEETS = (1, 500)
FULL = Course(settle=40.0, window=20.0)
QUICK = Course(settle=20.0, window=10.0)
_OPEN_FILES = 16384


def main() -> None:
    """Measure what the command line asks for."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="short windows, fewer fleets")
    arguments.add_argument("--targets", help="sizes of the fleets, such as 1,500")
    arguments.add_argument(
        "--local", action="store_true", help="servers on the exporter's own machine"
    )
    options = arguments.parse_args()
    fleets: tuple[int, ...] = QUICK_FLEETS if options.quick else FLEETS
    if options.targets:
        fleets = tuple(map(int, options.targets.split(",")))
    course = QUICK if options.quick else FULL
    print(cost_table([]), end="", flush=True)
    for targets in fleets:
        print(cost_row(measure(targets, course, options.local)), flush=True)
    if not options.quick:
        recordings = [load_recording(path) for path in bundled_recordings().values()]
        print("\n" + parser_table(map(parser_cost, recordings)))


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_OPEN_FILES, most), most))
    main()
