"""Numbers by which GPU libraries say that they do not know, and that old exporters passed on."""

from bisect import bisect_right
from math import isfinite
from typing import Final

# DCGM's blanks: no value, not found, not supported, not permitted; as int32, int64 and double
# (dcgm_structs.h). A double cannot tell the four int64 ones apart.
_INT32: Final = (2147483631.5, 2147483635.5)
_INT64: Final = (2.0**63 - 1024, 2.0**63)
_DOUBLE: Final = (2.0**47 - 0.5, 2.0**47 + 3.5)
_UNITS: Final = (1.0, 1e3, 1e6, 1e-2, 1e-3, 1e-6, 1e-9, 2.0**10, 2.0**20)
"""What an exporter or a relabelling may have multiplied by on the way."""
_SLACK: Final = 1e-11
_WINDOWS: Final = sorted(
    (low * unit * (1 - _SLACK), high * unit * (1 + _SLACK))
    for low, high in (_INT32, _INT64, _DOUBLE)
    for unit in _UNITS
)
_LOWS: Final = [low for low, _ in _WINDOWS]


def is_valid(value: float) -> bool:
    """Whether a raw number is a value: not NaN or infinite, no blank in any unit, not below 0.

    NVML says -1 where it does not know, and no figure of a GPU is below 0.
    """
    if not isfinite(value) or value < 0:
        return False
    i = bisect_right(_LOWS, value) - 1
    return i < 0 or value > _WINDOWS[i][1]
