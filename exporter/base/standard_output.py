"""What a command ends with, on standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING

from .errors import InferfleetError

if TYPE_CHECKING:
    from rich.console import Console


def write_output(text: str) -> None:
    """Write text; raise `InferfleetError` where it cannot be written.

    A reader that has gone away is no fault, so that `head` behind a pipe leaves the exit code as it
    is.
    """
    try:
        sys.stdout.write(text)
        # what cannot be written shows here, not when the process ends
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter flushes again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        fault = error.strerror or error
        raise InferfleetError(f"the answer cannot be written to standard output: {fault}") from None


@contextmanager
def output_console(
    width: int | None = None, markup: bool = True, highlight: bool = True
) -> Iterator["Console"]:
    """Give a console whose text is written as `write_output` does, once the block has ended.

    `width` in characters is that of anything but a terminal, by default 80. A console on standard
    output itself would end the process with 1 where its reader has gone away.
    """
    from rich.console import Console

    output, on_terminal = sys.stdout, sys.stdout.isatty()
    page = TextIOWrapper(BytesIO(), output.encoding, output.errors, newline="")
    yield Console(
        file=page,
        force_terminal=on_terminal or None,
        width=None if on_terminal else width,
        markup=markup,
        emoji=False,
        highlight=highlight,
    )
    page.seek(0)
    write_output(page.read())
