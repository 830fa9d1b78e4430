"""Compilation of the engine's inner loop, with its types kept for those who call it."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Return a function as machine code, kept on disk between runs."""
    return cast(_Function, numba.njit(cache=True)(function))
