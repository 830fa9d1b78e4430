"""What `inferfleet compare` does with its flags, and where the report goes.

Nothing here needs numpy until it is known to be there.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep as _sleep
from time import time as _now
from typing import TYPE_CHECKING, Any, Final

from ..base.atomic_write import write_atomically
from ..base.errors import CompareError
from ..base.standard_output import output_console, write_output
from ..base.untrusted import one_line, printable
from ..vocabulary.verdict import Verdict
from . import extra

if TYPE_CHECKING:
    from .assess.result import Report

ERROR: Final = 4
FAILURES: Final[tuple[Verdict, ...]] = ("regression", "inconclusive", "not_comparable")
"""The verdicts that a command may fail on."""
_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class Output:
    """Where the report goes: JSON or Markdown on stdout, an HTML file, the exit code.

    A verdict of `fail_on` ends the command with its code, any other with 0.
    """

    as_json: bool = False
    as_markdown: bool = False
    html: Path | None = None
    fail_on: tuple[Verdict, ...] = ()


def main(
    flags: Mapping[str, Any],
    output: Output,
    now: Callable[[], float] = _now,
    sleep: Callable[[float], None] = _sleep,
) -> int:
    """Make the comparison and show it; return the exit code."""
    extra.require("numpy", *(("matplotlib",) if output.html else ()))
    from rich.console import Console
    from rich.progress import Progress

    from .assess.verdict import EXIT
    from .options import Options, parse_time
    from .run import run

    options = Options(
        **_parsed_options(flags, "from", "to"),
        start=parse_time(flags["from"], "--from") if flags["from"] else None,
        end=parse_time(flags["to"], "--to") if flags["to"] else None,
    )
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1.0)
        report = run(
            options,
            lambda share, text: bar.update(task, completed=share, description=f"reading: {text}"),
            now,
            sleep,
        )
    # names from outside may hold what a terminal or a reader takes for its own
    shown = type(report).model_validate(printable(report.model_dump()))
    if output.html:
        _write_html(output.html, shown)
    _print(report if output.as_json else shown, output)
    return EXIT[report.verdict] if report.verdict in output.fail_on else 0


def judge(
    flags: Mapping[str, Any], interval: float, listen: str, state: Path | None, once: bool
) -> None:
    """Judge on a schedule until interrupted, or once, printing the metrics."""
    extra.require("numpy")
    from threading import Event

    from .judge import Judge
    from .options import Options
    from .schedule import serve

    options = Options(**_parsed_options(flags))
    judging = Judge(options, state)
    if not once:
        serve(judging, listen, interval, Event())
        return
    if not judging.run():
        raise CompareError("the run failed; the log says why")
    write_output(judging.page())


def _parsed_options(flags: Mapping[str, Any], *excluded: str) -> dict[str, Any]:
    """Return the options that flags give as they are written, but for some others."""
    from .options import parse_change, parse_headers, read_http_settings

    options = {name: value for name, value in flags.items() if name not in excluded}
    http = read_http_settings(options.pop("http_config"))
    options["headers"] = parse_headers(options["headers"], http)
    return {**options, "http": http, "margin": parse_change(flags["margin"], "--margin")}


def parse_verdicts(text: str, option: str) -> tuple[Verdict, ...]:
    """Return the verdicts that a command may fail on, from their names separated by commas."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in FAILURES:
            raise CompareError(
                f"{option}: {one_line(name)} is none of {', '.join(FAILURES)}; write one or more "
                "of them, separated by commas"
            )
    return tuple(name for name in FAILURES if name in names)


def _write_html(path: Path, report: "Report") -> None:
    from .report.html import html

    try:
        write_atomically({path: html(report)})
    except OSError as error:
        raise CompareError(
            f"--report: {path} cannot be written: {error.strerror or error}"
        ) from error
    print(f"inferfleet: the report is in {path}", file=sys.stderr)


def _print(report: "Report", output: Output) -> None:
    if output.as_json:
        # in ASCII, so that any terminal can show it and any pipe carry it
        document = json.loads(report.model_dump_json())
        write_output(json.dumps(document, indent=2) + "\n")
    elif output.as_markdown:
        from .report.markdown import markdown

        write_output(markdown(report))
    else:
        from .report.terminal import print_report

        with output_console(_WIDTH) as console:
            print_report(report, console)
