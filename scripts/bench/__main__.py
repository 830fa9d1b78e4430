"""Measure what the exporter costs beside Prometheus: whole processes, on the very same pages.

`--quick` takes under three minutes; the whole takes 25. Everything runs on this machine and stops
by itself. The whole adds its ratios to scripts/bench/history.jsonl and says which became worse;
where py-spy is on the PATH, it also tells in which room the time is spent.
"""

import argparse
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from exporter.replay.recording import bundled_recordings, load_recording

from . import history, report
from .document import with_sections
from .measurement import Measurement, measure
from .parser import parser_cost
from .processes import INTERVAL
from .watch import Course

FLEETS = (1, 10, 100, 200, 500, 1000)
QUICK_FLEETS = (1, 500)
PROFILED = (1, 100, 500, 1000)
LARGE = 500
IDENTITY_FLEET = 100
FULL = Course(settle=40.0, window=20.0)
QUICK = Course(settle=25.0, window=10.0)
DOCUMENT = Path("docs/performance.md")
HISTORY = Path("scripts/bench/history.jsonl")
_OPEN_FILES = 16384


def main() -> None:
    """Measure what the command line asks for."""
    arguments = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="1 and 500 servers, short windows")
    arguments.add_argument("--targets", help="only fleets of these sizes, such as 1,500")
    arguments.add_argument(
        "--local", action="store_true", help="with the servers on the exporter's own machine"
    )
    arguments.add_argument("--write", action="store_true", help=f"write the tables of {DOCUMENT}")
    options = arguments.parse_args()
    part = options.quick or options.targets or options.local
    if part and options.write:
        arguments.error("--write needs the whole: leave out --quick, --targets and --local")
    course = QUICK if options.quick else FULL
    if part:
        sizes = map(int, options.targets.split(",")) if options.targets else None
        default = QUICK_FLEETS if options.quick else FLEETS
        _show_fleets(_fleets(sizes or default, course, local=options.local))
    else:
        page = DOCUMENT.read_text("utf-8")
        # a page that cannot be written is refused before it is measured for
        with_sections(page, dict.fromkeys(report.SECTIONS, ""))
        sections, ratios = _full_run(course)
        entry = history.current(ratios)
        print(history.comparison(history.read(HISTORY), entry))
        history.append(HISTORY, entry)
        if options.write:
            DOCUMENT.write_text(with_sections(page, sections), "utf-8")


def _fleets(sizes: Iterable[int], course: Course, local: bool = False) -> list[Measurement]:
    """Measure fleets, each printed as soon as it is."""
    print(report.costs([]), end="", flush=True)
    fleets = []
    for size in sizes:
        fleets.append(
            measure(size, course, local=local, profiled=course is FULL and size in PROFILED)
        )
        print(report.cost_row(fleets[-1]), flush=True)
        if disturbance := report.disturbance(fleets[-1]):
            print(disturbance, file=sys.stderr)
    return fleets


def _show_fleets(fleets: list[Measurement]) -> None:
    large = [fleet for fleet in fleets if fleet.targets >= LARGE]
    sections = [report.page_reads(fleets), report.threads(fleets)]
    if large:
        sections.append(report.phases(large))
    print("", *sections, sep="\n", end="", flush=True)


def _full_run(course: Course) -> tuple[dict[str, str], dict[str, float]]:
    """Measure everything; return the document's sections and the ratios by size."""
    fleets = _fleets(FLEETS, course)
    local = _fleets([LARGE], course, local=True)
    _show_fleets(fleets)
    default = next(fleet for fleet in fleets if fleet.targets == IDENTITY_FLEET)
    # due half an interval early, so that each is read in the same sample of every window
    often = {"identity_refresh": course.window - INTERVAL / 2}
    identities = report.identities(
        report.identity(default, measure(IDENTITY_FLEET, course, local=local, settings=often))
        for local in (False, True)
    )
    recordings = [load_recording(path) for path in bundled_recordings().values()]
    parsers = report.parsers(map(parser_cost, recordings))
    print(f"\n{identities}\n{parsers}", flush=True)
    conditions = (
        f"{history.machine()}, shared with the replayed servers; {course.windows} windows of "
        f"{course.window:.0f} s after {course.settle:.0f} s.\n"
    )
    texts = (
        conditions,
        report.costs([*fleets, *local]),
        report.page_reads(fleets),
        identities,
        report.threads(fleet for fleet in fleets if fleet.targets in PROFILED),
        report.phases(fleet for fleet in fleets if fleet.targets >= LARGE),
        parsers,
    )
    sections = dict(zip(report.SECTIONS, texts, strict=True))
    return sections, {f"{fleet.targets}": round(fleet.ratio.median, 3) for fleet in fleets}


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_OPEN_FILES, most), most))
    main()
