"""The libraries that `pip install inferfleet[compare]` brings, required where they are needed."""

import os
from importlib.util import find_spec

from ..base.errors import CompareError


def is_installed(*names: str) -> bool:
    """Whether all of these libraries are there."""
    return all(find_spec(name) is not None for name in names)


def limit_threads() -> None:
    """Let numpy, not loaded yet, compute in one thread unless the environment says otherwise.

    The matrices are small, and threads would only wait for each other.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def require(*names: str) -> None:
    """Raise `CompareError` with what to install where a library is missing; before numpy loads."""
    limit_threads()
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise CompareError(
            f"comparing needs {' and '.join(missing)}: run pip install 'inferfleet[compare]'"
        )
