"""The command line: sub-commands only, no logic."""

import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from .generate import dashboards, rules
from .upgrades import CompareCommand, JudgeCommand, compare, judge
from .watch import check_config, demo, probe, replay, serve


class Commands(TyperGroup):
    """The commands, on terminals of any encoding: what it lacks is written as `\\xb0`."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)


app = typer.Typer(
    name="inferfleet",
    cls=Commands,
    help="Throughput per GPU, batch occupancy and prefix-cache hit rate of vLLM and SGLang fleets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(enabled: bool) -> None:
    if enabled:
        typer.echo(f"inferfleet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Watch fleets of vLLM and SGLang servers."""


app.command()(serve)
app.command()(probe)
app.command("check-config")(check_config)
app.command()(replay)
app.command()(demo)
app.command(cls=CompareCommand)(compare)
app.command(cls=JudgeCommand)(judge)
app.command()(dashboards)
app.command()(rules)
