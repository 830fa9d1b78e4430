"""The kinds of numpy arrays that a comparison computes with."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]

TINY: Final = 1e-100
"""What a divisor is at least, so that nothing is divided by 0.

Its square and its quotient by a large number are normal floats: a library built with fast
arithmetic makes the processor take anything smaller for 0, in the whole process.
"""
