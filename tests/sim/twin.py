"""The matched-load rules once more, in numpy: the same arithmetic, window by window.

A test proves it equal to Prometheus evaluating the generated rules; the bench needs its speed.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.recording.curve import _RIDGE as RIDGE
from alerts.recording.settings import UNITS, Settings
from alerts.recording.shift import LEAST_OWN_WINDOWS, LEAST_TOGETHER, LEAST_WINDOWS
from exporter.units import parse_duration
from exporter.vocabulary.verdict import Measure

from .cells import WINDOW, CellWindows
from .noise import Array

MOMENTS: Final = tuple(["w", *"yzpc", "zz", "zp", "zc", "pp", "pc", "cc", "yz", "yp", "yc"])
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """The verdict on one measure; logarithms of ratios, nan where there is none."""

    ln: float
    lower: float
    upper: float
    coverage: float
    servers: int
    beside: int
    verdict: str


@dataclass
class _Curve:
    """One release's coefficients by name and cell; nan where the cell never had enough."""

    of: dict[str, Array]
    load: float
    tilt: float


@dataclass
class _Seen:
    """One measure's observations (server x cell x window, nan where none), and what follows."""

    of: dict[str, Array]
    moments: list[dict[int, Array]] = field(default_factory=list)
    curves: dict[int, _Curve] = field(default_factory=dict)
    own: dict[int, Array] = field(default_factory=dict)
    past: dict[int, Array] = field(default_factory=dict)


def judge(
    given: CellWindows,
    settings: Settings,
    measures: Iterable[Measure] = tuple(UNITS),
    every: int = 7,
) -> dict[Measure, Judged]:
    """Return the verdict on release 1 over release 0 at the end; curves each `every` windows."""
    return {
        measure: _judge(
            _observe(given, measure), given, settings, settings.margin_of(measure), every
        )
        for measure in measures
    }


def _observe(given: CellWindows, measure: Measure) -> _Seen:
    gained = given.gained
    full = gained["saturated_seconds"] > 0.5 * gained["seconds"]
    q = {
        name: np.concatenate([np.where(full, 0.0, v), np.where(full, v, 0.0)], axis=1)
        for name, v in gained.items()
    }
    share = q["seconds"] / WINDOW
    if measure == "prefill":
        half = full.shape[1]
        kept = {name: np.where(share > 0.1, v, 0.0) for name, v in q.items()}
        q = {
            name: np.stack([v[:, :half].sum(1), v[:, half:].sum(1)], axis=1)
            for name, v in kept.items()
        }
        share = q["seconds"] / WINDOW
    with np.errstate(all="ignore"):
        batch = q["decode_sequence_seconds"] / q["seconds"]
        intensity = q["prefill_tokens"] / q["decode_tokens"]
        context = q["context_token_seconds"] / q["seconds"]
        rate = q["prefill_tokens"] / q["seconds"]
        per_request = q["finished_prefill_tokens"] / q["first_tokens"]
        y, p, c, g = {
            "decode": (
                q["decode_sequence_seconds"] / q["decode_tokens"],
                intensity * batch,
                context,
                q["decode_tokens"],
            ),
            "prefill": (
                q["finished_prefill_seconds"] / q["finished_prefill_tokens"],
                1 / per_request,
                rate,
                q["finished_prefill_tokens"],
            ),
            "time_to_first_token": (
                q["first_token_seconds"] / q["first_tokens"],
                per_request,
                rate,
                q["first_tokens"],
            ),
            "energy": (
                q["joules"] / q["metered_decode_tokens"],
                intensity,
                context / batch,
                q["metered_decode_tokens"],
            ),
        }[measure]
        there = (share > 0.1) & (y > 0) & np.isfinite(y) & ~given.young[:, None, :]
        if measure == "time_to_first_token":
            there[:, full.shape[1] :] = False
        z = np.log(rate if measure == "prefill" else batch)
        there &= np.isfinite(z)
        named = {"y": y, "z": z, "p": p, "c": c, "w": share, "g": g}
        return _Seen({of: np.where(there, values, np.nan) for of, values in named.items()})


def _judge(
    seen: _Seen, given: CellWindows, settings: Settings, margin: float, every: int
) -> Judged:
    count = given.info.shape[1]
    before, after = (
        round(parse_duration(span) / WINDOW) for span in (settings.before, settings.after)
    )
    live = [(given.info == release).any(0) for release in (0, 1)]
    first = int(np.argmax(live[1])) if live[1].any() else count
    index = np.full(given.info.shape, np.nan)
    visited = np.zeros((2, seen.of["y"].shape[1], count))
    fair = np.zeros(seen.of["y"].shape, dtype=bool)
    for w in range(count):
        _add_moments(seen, given, settings, w)
        for release in (0, 1):
            mine = given.release[:, w] == release
            visited[release, :, w] = np.nansum(seen.of["w"][mine, :, w], axis=0)
        _past(seen, given, w)
        if live[1][w] and 0 in seen.curves:
            _set_against(seen, given, settings, index, visited, fair, w, after)
        for release in (0, 1) if w % every == 0 else ():
            newer = release == 0 and live[1][w]
            if live[release][w] and not newer:
                _fit(seen, given, settings, release, w, before)
    return _conclude(seen, given, settings, margin, index, fair, first, after)


def _hat(seen: _Seen, curve: _Curve, w: int) -> Array:
    z, p, c = (v[:, :, w] for v in (seen.of[one] for one in "zpc"))
    of = curve.of
    hat: Array = of["level"] + of["z"] * z + of["p"] * p + of["c"] * c
    return hat


def _inside(seen: _Seen, curve: _Curve, w: int) -> Bools:
    inside = np.ones(seen.of["p"][:, :, w].shape, dtype=bool)
    for of, values in (("p", seen.of["p"][:, :, w]), ("c", seen.of["c"][:, :, w])):
        inside &= (values >= curve.of[f"{of}_low"]) & (values <= curve.of[f"{of}_high"])
    return inside


def _add_moments(seen: _Seen, given: CellWindows, settings: Settings, w: int) -> None:
    weights = np.nan_to_num(seen.of["w"][:, :, w])
    found = {}
    values = {of: np.nan_to_num(seen.of[of][:, :, w]) for of in "yzpc"}
    for release in (0, 1):
        mine = given.release[:, w] == release
        if not (weights[mine] > 0).any():
            continue
        kept = np.where(mine[:, None], weights, 0.0)
        curve = seen.curves.get(release)
        own = np.nan_to_num(seen.own[release]) if release in seen.own else np.zeros(len(weights))
        values["y"] = np.nan_to_num(seen.of["y"][:, :, w]) * np.exp(own)[:, None]
        if curve is not None:
            with np.errstate(all="ignore"):
                hat = _hat(seen, curve, w)
                off = np.log(values["y"] / np.where(hat > 0, hat, np.nan))
                off[~np.isfinite(off)] = np.nan
            off = np.where(mine[:, None], off, np.nan)
            if np.isfinite(off).any():
                far = np.abs(off - np.nanmedian(off)) > settings.trim
                kept = np.where(far, 0.0, kept)
        sums = [kept.sum(0)]
        for of in MOMENTS[1:]:
            product = kept
            for one in of:
                product = product * values[one]
            sums.append(product.sum(0))
        found[release] = np.array(sums)
    seen.moments.append(found)


def _fit(
    seen: _Seen, given: CellWindows, settings: Settings, release: int, w: int, before: int
) -> None:
    recent = [m[release] for m in seen.moments[max(0, w - before) : w + 1] if release in m]
    if not recent:
        return
    m = dict(zip(MOMENTS, np.sum(recent, axis=0), strict=True))
    enough = m["w"] > settings.cell_time / WINDOW
    if not enough.any():
        return
    weight = np.where(enough, m["w"], np.nan)
    with np.errstate(all="ignore"):
        mean = {of: m[of] / weight for of in "yzpc"}
        s = {of: m[of] - weight * mean[of[0]] * mean[of[1]] for of in MOMENTS[5:]}
        steady = s["zz"] + weight * RIDGE
        n = {}
        for of in ("pp", "pc", "cc", "yp", "yc"):
            first = "yz" if of[0] == "y" else "z" + of[0]
            within = s[of] - s[first] * s["z" + of[1]] / steady
            n[of] = np.nansum(within / mean["y"] ** 2) + (1e-12 if of in ("pp", "cc") else 0)
        determinant = n["pp"] * n["cc"] - n["pc"] ** 2
        both = {
            "p": n["yp"] * n["cc"] - n["yc"] * n["pc"],
            "c": n["yc"] * n["pp"] - n["yp"] * n["pc"],
        }
        slope = {}
        for of in "pc":
            if determinant > 0 and both["p"] >= 0 and both["c"] >= 0:
                slope[of] = both[of] / determinant
            else:
                slope[of] = n["y" + of] / n[of + of]
            slope[of] = max(slope[of], 0.0)
        z = (s["yz"] - slope["p"] * s["zp"] - slope["c"] * s["zc"]) / steady
        level = mean["y"] - mean["z"] * z - mean["p"] * slope["p"] - mean["c"] * slope["c"]
        wide = {
            of: np.sqrt(np.maximum(s[of * 2], 0) / weight) * settings.spread + 1e-9 for of in "pc"
        }
    terms = {"level": level, "z": z, "w": weight}
    for of in "pc":
        terms[of] = np.where(enough, slope[of], np.nan)
        terms[f"{of}_low"], terms[f"{of}_high"] = mean[of] - wide[of], mean[of] + wide[of]
    if release in seen.curves:
        # a cell that has too little now keeps what it had
        old = seen.curves[release].of
        terms = {of: np.where(enough, new, old[of]) for of, new in terms.items()}
    load = float(m["z"][enough].sum() / m["w"][enough].sum())
    seen.curves[release] = _Curve(terms, load, _tilt(seen, given, release, w, before))
    if release not in seen.past:
        return
    past = seen.past[release]
    own = seen.own.setdefault(release, np.full(len(past), np.nan))
    for server in range(len(past)):
        index = past[server, max(0, w - before) : w + 1]
        kept = index[np.isfinite(index)]
        if len(kept) > LEAST_OWN_WINDOWS:
            own[server] = np.median(kept)


def _tilt(seen: _Seen, given: CellWindows, release: int, w: int, before: int) -> float:
    """Return how the release's mean index moves with its load: what matching by batch leaves."""
    past = seen.past.get(release)
    if past is None:
        return 0.0
    at = slice(max(0, w - before), w + 1)
    mine = given.release[:, at] == release
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        index = np.nanmedian(np.where(mine, past[:, at], np.nan), axis=0)
        weights = np.nan_to_num(seen.of["w"][:, :, at]) * mine[:, None, :]
        load = (weights * np.nan_to_num(seen.of["z"][:, :, at])).sum((0, 1)) / weights.sum((0, 1))
    good = np.isfinite(index) & np.isfinite(load)
    x, v = load[good], index[good]
    if len(x) < LEAST_TOGETHER:
        return 0.0
    return float(((x - x.mean()) * (v - v.mean())).mean() / (x.var() + 0.01))


def _past(seen: _Seen, given: CellWindows, w: int) -> None:
    """Set every server against its own release's curve of the time, in one window."""
    for release, curve in seen.curves.items():
        mine = given.release[:, w] == release
        if not mine.any():
            continue
        past = seen.past.setdefault(release, np.full(given.info.shape, np.nan))
        with np.errstate(all="ignore"):
            hat = _hat(seen, curve, w)
            good = (hat > 0) & _inside(seen, curve, w) & mine[:, None]
            done = np.where(good, hat * seen.of["g"][:, :, w], 0.0).sum(1)
            spent = np.where(good, seen.of["y"][:, :, w] * seen.of["g"][:, :, w], 0.0).sum(1)
            past[:, w] = np.where(spent > 0, np.log(done / spent), np.nan)


def _set_against(
    seen: _Seen,
    given: CellWindows,
    settings: Settings,
    index: Array,
    visited: Array,
    fair: Bools,
    w: int,
    after: int,
) -> None:
    """The index of every server compared, in one window."""
    curve = seen.curves[0]
    release = given.release[:, w]
    judged = np.isfinite(seen.of["w"][:, :, w]).any(1) & (release == 1)
    with np.errstate(all="ignore"):
        hat = _hat(seen, curve, w)
        good = (hat > 0) & _inside(seen, curve, w)
    recent = visited[:, :, max(0, w - after) : w + 1].sum(2)
    for one in (0, 1):
        mine = release == one
        if one == 0 and not judged.any():
            good[mine] = False
            continue
        with np.errstate(all="ignore"):
            supported = (recent[one] > 0) & (recent[one] * settings.cell_share <= curve.of["w"])
        good[mine] &= supported
    fair[:, :, w] = good
    with np.errstate(all="ignore"):
        done = np.where(good, hat * seen.of["g"][:, :, w], 0.0).sum(1)
        spent = np.where(good, seen.of["y"][:, :, w] * seen.of["g"][:, :, w], 0.0).sum(1)
        index[:, w] = np.where(spent > 0, np.log(done / spent), np.nan)


def _conclude(
    seen: _Seen,
    given: CellWindows,
    settings: Settings,
    margin: float,
    index: Array,
    fair: Bools,
    first: int,
    after: int,
) -> Judged:
    count = index.shape[1]
    none = Judged(np.nan, -np.inf, np.inf, 0.0, 0, 0, "not_comparable")
    if first == count or not (given.info[:, -1] == 1).any():
        return none
    recent = np.arange(count) >= count - 1 - after
    own = seen.own.get(0, np.full(len(index), np.nan))
    typical = np.nanmean(own) if np.isfinite(own).any() else np.nan
    shifts: list[list[float]] = [[], []]
    for server in range(len(index)):
        now = int(given.info[server, -1])
        kept = index[server][recent & (given.release[server] == now) & np.isfinite(index[server])]
        if len(kept) < LEAST_WINDOWS:
            continue
        past = own[server] if np.isfinite(own[server]) else typical
        if np.isfinite(past):
            shifts[now].append(float(np.median(kept) - past))
    candidate = (given.release == 1) & recent
    work = np.nan_to_num(seen.of["g"]) * candidate[:, None, :]
    total = work.sum()
    coverage = float((work * fair).sum() / total) if total > 0 else 0.0
    overlap = (np.nan_to_num(seen.of["w"]) * candidate[:, None, :] * fair).sum() * WINDOW
    moved, beside = np.array(shifts[1]), np.array(shifts[0])
    n, m = len(moved), len(beside)
    if n == 0:
        return none
    if m >= 2:
        ln, df = float(moved.mean() - beside.mean()), n + m - 2
        pooled = (n * moved.var() + m * beside.var()) / df if df else np.nan
        stderr = np.sqrt(pooled * (1 / n + 1 / m) + settings.floor**2)
    else:
        ln, df, m = float(moved.mean()), n - 1, 0
        weights = np.nan_to_num(seen.of["w"]) * candidate[:, None, :] * fair
        load = float((np.nan_to_num(seen.of["z"]) * weights).sum() / weights.sum())
        moved_load = load - seen.curves[0].load
        ln -= seen.curves[0].tilt * moved_load
        floor = settings.floor_alone**2 + (settings.floor_moved * moved_load) ** 2
        stderr = np.sqrt(moved.var() / df + floor) if df else np.nan
    if df < 3:
        return Judged(ln, -np.inf, np.inf, coverage, n, m, "not_comparable")
    half = (1.96 + 2.4 / df + 3.6 / df**2) * stderr
    lower, upper = ln - half, ln + half
    asked = min(settings.overlap, parse_duration(settings.after))
    least = settings.coverage_beside if m else settings.coverage
    thin = coverage < least or overlap < asked
    verdict = "not_comparable" if thin else verdict_of(ln, lower, upper, margin)
    if verdict == "equivalent" and coverage < settings.coverage:
        verdict = "inconclusive"
    return Judged(ln, lower, upper, coverage, n, m, verdict)


def verdict_of(ln: float, lower: float, upper: float, margin: float) -> str:
    """Return what an interval of a ratio's logarithm says, given a margin."""
    ratio, low, high = np.exp([ln, lower, upper])
    if ratio <= 1 - margin and high < 1:
        return "regression"
    if ratio >= 1 + margin and low > 1:
        return "improvement"
    if low > 1 - margin and high < 1 + margin:
        return "equivalent"
    return "inconclusive"
