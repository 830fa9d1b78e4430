"""What `preflight` does with its options: servers read, files corrected, reviews printed."""

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import typer

from ... import __version__
from ...base.errors import ConfigError, PreflightError
from ...base.standard_output import output_console, write_output
from ...base.yaml_text import read_text
from ...engines.registry import ENGINES
from ...preflight.corrections import Correction, corrected, corrections, difference
from ...preflight.finding import Finding, Place, Severity
from ...preflight.plan.steps import Plan
from ...preflight.report.document import document
from ...preflight.report.markdown import markdown
from ...preflight.report.sarif import SourceLine, sarif
from ...preflight.report.terminal import print_review
from ...preflight.review import Review, review
from ...preflight.sources.files import file_lines, file_text
from ...preflight.sources.launches import Launch, environment_file, launch
from ...preflight.upgrade import Upgrade

Form = Literal["text", "json", "markdown"]
_FAILING: Final[dict[str, tuple[Severity, ...]]] = {
    "error": ("error",),
    "warning": ("error", "warning"),
    "never": (),
}


def launches(upgrade: Upgrade, args: str | None, env: Path | None) -> list[Launch]:
    """Return the server that is given by options, none where none is."""
    if args is None and env is None:
        return []
    try:
        words = shlex.split(args or "")
    except ValueError as error:
        raise PreflightError(f"--args cannot be split into words: {error}") from None
    try:
        variables = environment_file(read_text(env)) if env else {}
    except ConfigError as error:
        raise PreflightError(str(error)) from None
    except ValueError as error:
        raise PreflightError(f"--env {env}: {error}") from None
    place = Place("--args" if args is not None else "--env")
    return [launch(ENGINES[upgrade.catalog.engine], words, variables, place)]


def reviewed(upgrade: Upgrade, paths: Sequence[Path], args: str | None, env: Path | None) -> Review:
    """Return what an upgrade breaks in files and in the server that options give."""
    return review(upgrade, paths, launches(upgrade, args, env))


def write_sarif(file: Path, review: Review, details: bool) -> None:
    """Write a review as SARIF; raise `PreflightError` where it cannot be."""
    log = sarif(review, __version__, source_line, details)
    write(file, json.dumps(log, indent=1) + "\n")


def show_differences(review: Review) -> None:
    """Print what is to be corrected in files as a unified diff, or say that nothing is."""
    parts = [difference(file, before, after) for file, before, after, _ in _corrected(review)]
    if not parts:
        typer.echo("inferfleet: nothing that could be corrected in a file", err=True)
    write_output("".join(parts))


def source_line(finding: Finding) -> SourceLine:
    """Return the line that a finding is about, its file relative to the working directory.

    A file that is not below it is named by its whole path. Links are followed, as code hosts show
    nothing beside them.
    """
    place = finding.place
    file, here = Path(place.file).resolve(), Path.cwd().resolve()
    below = file.is_relative_to(here)
    uri = quote(file.relative_to(here).as_posix()) if below else file.as_uri()
    lines = file_lines(place.file)
    number = max(place.line, 1)
    return SourceLine(uri, lines[number - 1] if number <= len(lines) else "")


def correct(review: Review) -> None:
    """Write corrected files, and say so on standard error."""
    for file, _, after, correction in _corrected(review):
        write(Path(file), after)
        typer.echo(f"corrected {file}: {correction}", err=True)


def write(file: Path, text: str) -> None:
    """Write a file; raise `PreflightError` where it cannot be."""
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise PreflightError(f"{file} cannot be written: {error.strerror or error}") from None


def show(review: Review, plan: Plan, form: Form, details: bool) -> None:
    """Print a review."""
    if form == "json":
        write_output(json.dumps(document(review, plan), indent=2) + "\n")
    elif form == "markdown":
        write_output(markdown(review, plan))
    else:
        with output_console(markup=False, highlight=False) as console:
            print_review(review, plan, console, details)


def exit_code(review: Review, fail_on: str) -> int:
    """Return 1 where something is found that is to fail the command, else 0."""
    return int(any(group.first.severity in _FAILING[fail_on] for group in review.groups))


def _corrected(review: Review) -> Iterator[tuple[str, str, str, Correction]]:
    for file, correction in sorted(corrections(review.findings).items()):
        before = file_text(file)
        after = corrected(before, correction)
        if before != after:
            yield file, before, after, correction
