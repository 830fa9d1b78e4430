"""The kinds of numpy arrays that a comparison computes with."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]
