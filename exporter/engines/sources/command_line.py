"""The server's own command line: the options it was started with.

An option that is not there reports nothing: its value may come from a file or from the hardware.
"""

from collections.abc import Sequence

from ..engine import Engine
from .arguments import options
from .facts import SourceReport
from .settings import public_settings


def read(engine: Engine, line: Sequence[str]) -> SourceReport:
    """Read the command line of an engine's server."""
    values = options(engine.syntax, line)
    first_values = {name: words[0] for name, words in values.items()}
    listed: dict[str, object] = {
        name: words[0] if len(words) == 1 else words for name, words in values.items()
    }
    settings = public_settings(listed, "args.", engine.runtime_settings)
    return SourceReport("command_line", engine.option_facts(first_values), settings)
