"""Hold the exporter against an hour of churn, or against a fleet of which half is dead.

`python -m scripts.soak --minutes 60 --speed 25` samples 25 times as often as usual, so that an hour
is a day: servers come, go and are renamed in a file_sd file, restart, are upgraded and call models
and metrics otherwise; the configuration is read again, a bad one too; as many servers are dead in
ten ways. `--dead` watches 1,000 servers at the usual interval, 500 of them dead. Everything is on
the loopback network and stops by itself.
"""

import argparse
import json
import resource
import signal
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

from exporter.config import Config
from scripts.bench import history
from scripts.bench.document import with_sections

from . import report
from .exporter_process import ExporterProcess, first_line, helper
from .observation import Observation, observe
from .sampling_gaps import sampling_gaps
from .targets import Churn, dead_groups, live_group, write

DOCUMENT = Path("docs/withstands.md")
PICTURE = Path("docs/soak.png")
_STEP_SECONDS = 2.0
_LOOK_SECONDS = 4.0
_RELOAD_STEPS = 5
_GRACE_STEPS = 4
_SMALL_PAGE = 2**20
_SETTLE_SECONDS = 45.0
_OPEN_FILES = 16384
_LATE = 1.5


def main() -> None:
    """Run what the command line asks for."""
    arguments = argparse.ArgumentParser(prog="python -m scripts.soak", description=__doc__)
    arguments.add_argument("--minutes", type=float, help="60, with --dead 3")
    arguments.add_argument("--speed", type=float, default=25.0, help="without --dead")
    arguments.add_argument("--servers", type=int, help="half of them dead; 40, with --dead 1000")
    arguments.add_argument("--dead", action="store_true", help="half of 1,000 servers dead")
    arguments.add_argument("--csv", type=Path, help="write every observation")
    arguments.add_argument("--write", action="store_true", help=f"write into {DOCUMENT}")
    options = arguments.parse_args()
    if options.write:
        # a page that cannot be written is refused before it is measured for
        with_sections(DOCUMENT.read_text("utf-8"), {"soak": "", "dead": ""})
    with tempfile.TemporaryDirectory() as folder:
        if options.dead:
            section = _dead(Path(folder), options.servers or 1000, options.minutes or 3.0)
        else:
            servers, minutes = options.servers or 40, options.minutes or 60.0
            observations, section = _soak(Path(folder), servers, minutes, options.speed)
            if options.csv:
                report.write_csv(options.csv, observations)
            if options.write:
                report.draw(PICTURE, observations)
                section += (
                    f"\n![Memory, threads, descriptors, live servers up to date]({PICTURE.name})\n"
                )
    print(section)
    if options.write:
        name = "dead" if options.dead else "soak"
        DOCUMENT.write_text(with_sections(DOCUMENT.read_text("utf-8"), {name: section}), "utf-8")


def _soak(
    folder: Path, servers: int, minutes: float, speed: float
) -> tuple[list[Observation], str]:
    targets, arrivals = folder / "targets.json", folder / "arrivals"
    usual, live = Config(), servers // 2
    interval = usual.interval / speed
    config = {
        "discovery": {"file_sd": [{"files": [str(targets)], "refresh": f"{_STEP_SECONDS / 4}s"}]},
        "interval": interval,
        "timeout": max(usual.timeout / speed, 1.0),
        "window": usual.window / speed,
        "identity_refresh": usual.identity_refresh / speed,
        "load": {"warm_up": 0},
        "limits": {"page": _SMALL_PAGE},
        "gpu": {"nvml": False},
    }
    write(targets, [])
    observations, counts = list[Observation](), Counter[str]()
    with (
        helper("live_servers", live, speed, _STEP_SECONDS * _RELOAD_STEPS, arrivals) as alive,
        helper("dead_servers", _SMALL_PAGE) as dead,
    ):
        port, ports = first_line(alive), first_line(dead)
        groups = dead_groups(live, servers - live, ports)
        churn = Churn(live, groups, port, Random(1))
        exporter = ExporterProcess(folder, config)
        with exporter:
            begin, looked = monotonic(), 0.0
            while (now := monotonic() - begin) < 60 * minutes:
                write(targets, churn.step())
                if churn.steps % _RELOAD_STEPS == 0:
                    _reload(exporter, config, churn.steps, counts)
                # another window begins every server anew: the next samples are waited for
                settled = churn.steps % _RELOAD_STEPS > 1
                if settled and now - looked >= _LOOK_SECONDS:
                    looked = now
                    names = churn.settled(_GRACE_STEPS)
                    within = max(_LATE * interval, 1.0)
                    observations.append(observe(exporter, now, names, within))
                sleep(_STEP_SECONDS)
    conditions = (
        f"{minutes:.0f} minutes at {speed:g} times the usual pace ({history.machine()}): "
        f"{live} live servers and {servers - live} dead ones, sampled each {interval:g} s; "
        f"a page is up to date that is at most {max(_LATE * interval, 1.0):g} s old."
    )
    facts = {
        "Changes of the fleet:": f"{churn.steps:,}",
        "reloads:": f"{counts['good']} and {counts['bad']} of bad files",
        "ended after SIGTERM in": f"{exporter.ended:.1f} s.",
    }
    return observations, report.soak_section(observations, conditions, facts)


def _reload(
    exporter: ExporterProcess, config: dict[str, Any], step: int, counts: Counter[str]
) -> None:
    """Change the configuration and have it read again, every third time one that is refused."""
    bad = step // _RELOAD_STEPS % 3 == 0
    counts["bad" if bad else "good"] += 1
    window = config["window"] * (1 + step // _RELOAD_STEPS % 2)
    exporter.path.write_text(json.dumps({**config, "window": window})[: 40 if bad else None])
    exporter.process.send_signal(signal.SIGHUP)


def _dead(folder: Path, servers: int, minutes: float) -> str:
    targets, arrivals = folder / "targets.json", folder / "arrivals"
    usual, live = Config(), servers // 2
    config = {
        "discovery": {"file_sd": [{"files": [str(targets)]}]},
        "load": {"warm_up": 0},
        "gpu": {"nvml": False},
    }
    observations = list[Observation]()
    with helper("dead_servers", usual.limits.page) as dead:
        with helper("live_servers", live, 1.0, 0.0, arrivals) as alive:
            port, ports = first_line(alive), first_line(dead)
            names = [f"live-{number}" for number in range(live)]
            groups = [live_group(number, port, name) for number, name in enumerate(names)]
            write(targets, [*groups, *dead_groups(live, servers - live, ports)])
            exporter = ExporterProcess(folder, config)
            with exporter:
                sleep(_SETTLE_SECONDS)
                begin = monotonic()
                while monotonic() - begin < 60 * minutes:
                    sleep(15.0)
                    seconds, within = monotonic() - begin, _LATE * usual.interval
                    observations.append(observe(exporter, seconds, names, within))
                end = monotonic()
        spaced = sampling_gaps(_read_arrivals(arrivals), begin, end, usual.interval)
    conditions = (
        f"{servers:,} servers, {servers - live:,} of them dead in ten ways, for {minutes:g} "
        f"minutes at the usual interval of {usual.interval:g} s, after {_SETTLE_SECONDS:.0f} s "
        f"({history.machine()}, which the {live:,} live servers share)."
    )
    facts = {
        "live servers sampled": f"{spaced.servers:,} of {live:,}",
        "oldest page of a live server as shown": f"{max(o.oldest for o in observations):.2f} s",
        "waited for a core": f"{100 * report.waited(observations):.0f} % of the time",
        "memory at the end": f"{observations[-1].resident:.0f} MB",
        "time to end after SIGTERM": f"{exporter.ended:.1f} s",
    }
    return report.dead_section(spaced, conditions, facts)


def _read_arrivals(path: Path) -> Sequence[tuple[float, int]]:
    lines = (line.split() for line in path.read_text().splitlines())
    return [(float(time), int(number)) for time, number in lines]


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_OPEN_FILES, most), most))
    main()
