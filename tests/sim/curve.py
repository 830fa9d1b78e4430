"""A release's curve of time per unit over load, as the rules fit it: moments in, coefficients out.

In each cell y = level + z slope x ln(load) + p slope x prefill + c slope x context; the slopes of
prefill and context are common to all cells, and not negative.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from alerts.recording.curve import RIDGE
from alerts.recording.settings import Settings

from .noise import Array
from .observations import Bools

MOMENTS: Final = ("w", *"yzpc", "zz", "zp", "zc", "pp", "pc", "cc", "yz", "yp", "yc")
"""Weighted sums of the observations and of their products, in the order they are kept."""

Moments = dict[str, Array]


@dataclass(frozen=True)
class Curve:
    """One release's coefficients by name and cell; nan where the cell never had enough.

    `load` is the mean ln(load) it was fitted at, `tilt` how the release's mean index moves with it.
    """

    coefficients: dict[str, Array]
    load: float
    tilt: float

    def predicted(self, window: dict[str, Array]) -> Array:
        """Return the time per unit that the curve expects of a window's observations."""
        slopes = self.coefficients
        expected: Array = (
            slopes["level"]
            + slopes["z"] * window["z"]
            + slopes["p"] * window["p"]
            + slopes["c"] * window["c"]
        )
        return expected

    def supports(self, window: dict[str, Array]) -> Bools:
        """Return where prefill and context are such as the curve has seen."""
        inside = np.ones(window["p"].shape, dtype=bool)
        for name in ("p", "c"):
            low, high = self.coefficients[f"{name}_low"], self.coefficients[f"{name}_high"]
            inside &= (window[name] >= low) & (window[name] <= high)
        return inside

    def index(self, window: dict[str, Array], cells: Bools) -> Array:
        """Return ln(time the work of each server would take on the curve / time it took)."""
        with np.errstate(all="ignore"):
            expected = np.where(cells, self.predicted(window) * window["g"], 0.0).sum(1)
            actual = np.where(cells, window["y"] * window["g"], 0.0).sum(1)
            return np.where(actual > 0, np.log(expected / actual), np.nan)


def moments(window: dict[str, Array], weights: Array, offsets: Array) -> Array:
    """Return the sums of `MOMENTS` over servers, by cell.

    `offsets` are the servers' own distances from the curve, taken out of their times.
    """
    values = {name: np.nan_to_num(window[name]) for name in "yzpc"}
    values["y"] = values["y"] * np.exp(offsets)[:, None]
    sums = [weights.sum(0)]
    for names in MOMENTS[1:]:
        product = weights
        for name in names:
            product = product * values[name]
        sums.append(product.sum(0))
    return np.array(sums)


def fit(
    sums: Array, settings: Settings, least_weight: float, earlier: Curve | None, tilt: float
) -> Curve | None:
    """Return the curve of moments summed over windows, None where no cell has enough weight.

    A cell that has too little now keeps what it had in the `earlier` curve.
    """
    moment = dict(zip(MOMENTS, sums, strict=True))
    enough = moment["w"] > least_weight
    if not enough.any():
        return None
    weight = np.where(enough, moment["w"], np.nan)
    with np.errstate(all="ignore"):
        mean = {name: moment[name] / weight for name in "yzpc"}
        centred = {
            pair: moment[pair] - weight * mean[pair[0]] * mean[pair[1]] for pair in MOMENTS[5:]
        }
        steady = centred["zz"] + weight * RIDGE
        slopes = _common_slopes(centred, steady, mean["y"])
        z_slope = (
            centred["yz"] - slopes["p"] * centred["zp"] - slopes["c"] * centred["zc"]
        ) / steady
        level = mean["y"] - mean["z"] * z_slope - mean["p"] * slopes["p"] - mean["c"] * slopes["c"]
        reach = {
            name: np.sqrt(np.maximum(centred[name * 2], 0) / weight) * settings.spread + 1e-9
            for name in "pc"
        }
    coefficients = {"level": level, "z": z_slope, "w": weight}
    for name in "pc":
        coefficients[name] = np.where(enough, slopes[name], np.nan)
        coefficients[f"{name}_low"] = mean[name] - reach[name]
        coefficients[f"{name}_high"] = mean[name] + reach[name]
    if earlier is not None:
        coefficients = {
            name: np.where(enough, new, earlier.coefficients[name])
            for name, new in coefficients.items()
        }
    load = float(moment["z"][enough].sum() / moment["w"][enough].sum())
    return Curve(coefficients, load, tilt)


def _common_slopes(centred: Moments, steady: Array, level: Array) -> dict[str, float]:
    """Return the slopes of prefill and context, in all cells together after ln(load) is out.

    Where the two cannot be told apart, or one comes out negative, each is fitted alone.
    """
    normal = {}
    for pair in ("pp", "pc", "cc", "yp", "yc"):
        first = "yz" if pair[0] == "y" else "z" + pair[0]
        within = centred[pair] - centred[first] * centred["z" + pair[1]] / steady
        ridge = 1e-12 if pair in ("pp", "cc") else 0
        normal[pair] = np.nansum(within / level**2) + ridge
    determinant = normal["pp"] * normal["cc"] - normal["pc"] ** 2
    joint = {
        "p": normal["yp"] * normal["cc"] - normal["yc"] * normal["pc"],
        "c": normal["yc"] * normal["pp"] - normal["yp"] * normal["pc"],
    }
    slopes = {}
    for name in "pc":
        if determinant > 0 and joint["p"] >= 0 and joint["c"] >= 0:
            slope = joint[name] / determinant
        else:
            slope = normal["y" + name] / normal[name + name]
        slopes[name] = max(slope, 0.0)
    return slopes
