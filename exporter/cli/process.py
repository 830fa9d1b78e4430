"""How a command's process logs, fails and ends."""

import logging
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from ..base.errors import ConfigError, InferfleetError
from .log import FORMATS, RepeatLimit


def fail(error: InferfleetError) -> NoReturn:
    """Print the error, each fault of a configuration in a line of its own, and exit with 2."""
    faults = error.faults if isinstance(error, ConfigError) else [str(error)]
    for fault in faults:
        typer.echo(f"inferfleet: {fault}", err=True)
    raise typer.Exit(2)


def configure_logging(level: str, form: str = "text") -> None:
    """Log to standard error from a level on, in one of `FORMATS`."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise typer.BadParameter(
            f"{level!r} is no log level; use debug, info, warning or error",
            param_hint="--log-level",
        )
    if form not in FORMATS:
        raise typer.BadParameter(
            f"{form!r} is no format of log lines; use {', '.join(FORMATS)}",
            param_hint="--log.format",
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[form]())
    handler.addFilter(RepeatLimit())
    logging.basicConfig(level=number, handlers=[handler])


def run_until_interrupted(run: Callable[[], None]) -> None:
    """Run until it returns, or SIGINT or SIGTERM ends it; an error exits with 2."""
    # SIGTERM does not end the first process of a container unless that handles it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except InferfleetError as error:
        fail(error)


def interrupt_on_termination() -> None:
    """Have SIGTERM and a closed terminal end the command as Ctrl-C does: its work is kept."""
    # a shell starts what runs in the background of a script with Ctrl-C ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # what runs under nohup ignores the terminal's end
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
