"""The matched-load rules once more, in numpy: the same arithmetic, window by window.

A test proves it equal to Prometheus evaluating the generated rules; the bench needs its speed.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from alerts.recording.settings import UNITS, Settings
from alerts.recording.shift import LEAST_OWN_WINDOWS, LEAST_TOGETHER, LEAST_WINDOWS
from exporter.base.units import parse_duration
from exporter.vocabulary.verdict import Measure

from .cells import WINDOW, CellWindows
from .curve import Curve, fit, moments
from .noise import Array
from .observations import Bools, Observations, observe

BASELINE, CANDIDATE = 0, 1


@dataclass(frozen=True)
class RuleVerdict:
    """The verdict on one measure; logarithms of ratios, nan where there is none.

    `servers` and `beside` are the candidate's servers compared and the baseline's beside them.
    """

    ln: float
    lower: float
    upper: float
    coverage: float
    servers: int
    beside: int
    verdict: str


NO_VERDICT = RuleVerdict(np.nan, -np.inf, np.inf, 0.0, 0, 0, "not_comparable")


def evaluate(
    windows: CellWindows,
    settings: Settings,
    measures: Iterable[Measure] = tuple(UNITS),
    every: int = 7,
) -> dict[Measure, RuleVerdict]:
    """Return the verdict on release 1 over release 0 at the end; curves each `every` windows."""
    verdicts = {}
    for measure in measures:
        evaluation = _Evaluation(windows, observe(windows, measure), settings)
        evaluation.run(every)
        last = windows.info.shape[1] - 1
        verdicts[measure] = evaluation.verdict(settings.margin_of(measure), last)
    return verdicts


def verdicts_over_time(
    windows: CellWindows, settings: Settings, measure: Measure, every: int = 7
) -> list[RuleVerdict]:
    """Return the verdict at the end of every window."""
    evaluation = _Evaluation(windows, observe(windows, measure), settings)
    margin = settings.margin_of(measure)
    return [evaluation.verdict(margin, number) for number in evaluation.steps(every)]


class _Evaluation:
    """One measure, evaluated window after window; arrays are server x cell x window."""

    def __init__(
        self, windows: CellWindows, observations: Observations, settings: Settings
    ) -> None:
        self._windows, self._observed, self._settings = windows, observations, settings
        self._before = round(parse_duration(settings.before) / WINDOW)
        self._after = round(parse_duration(settings.after) / WINDOW)
        servers, cells, count = observations.shape
        self._count = count
        self._weight = np.nan_to_num(observations.columns["w"])
        self._live = [(windows.info == release).any(0) for release in (BASELINE, CANDIDATE)]
        self._moments: list[dict[int, Array]] = []
        self._curves: dict[int, Curve] = {}
        # each server's distance from its own release's curve: by window, and its median
        self._own_index: dict[int, Array] = {}
        self._own_median: dict[int, Array] = {}
        # and from the baseline's curve, over the cells that both releases visited
        self._index = np.full((servers, count), np.nan)
        self._visited = np.zeros((2, cells, count))
        self._compared = np.zeros(observations.shape, dtype=bool)

    def run(self, every: int) -> None:
        """Evaluate all windows."""
        for _ in self.steps(every):
            pass

    def steps(self, every: int) -> Iterator[int]:
        """Evaluate one window after another; yield the number of each."""
        for number in range(self._count):
            self._add_moments(number)
            for release in (BASELINE, CANDIDATE):
                running = self._windows.release[:, number] == release
                self._visited[release, :, number] = self._weight[running, :, number].sum(axis=0)
            self._set_against_own(number)
            if self._live[CANDIDATE][number] and BASELINE in self._curves:
                self._set_against_baseline(number)
            if number % every == 0:
                self._fit_curves(number)
            yield number

    def _add_moments(self, number: int) -> None:
        window = self._observed.window(number)
        by_release = {}
        for release in (BASELINE, CANDIDATE):
            running = self._windows.release[:, number] == release
            weights = np.where(running[:, None], self._weight[:, :, number], 0.0)
            if not (weights > 0).any():
                continue
            offsets = np.zeros(len(weights))
            if release in self._own_median:
                offsets = np.nan_to_num(self._own_median[release])
            if release in self._curves:
                far = self._far_from_curve(release, window, running, offsets)
                weights = np.where(far, 0.0, weights)
            by_release[release] = moments(window, weights, offsets)
        self._moments.append(by_release)

    def _far_from_curve(
        self, release: int, window: dict[str, Array], running: Bools, offsets: Array
    ) -> Bools:
        """Return the observations that are far from the curve, next to the others' median."""
        with np.errstate(all="ignore"):
            predicted = self._curves[release].predicted(window)
            adjusted = window["y"] * np.exp(offsets)[:, None]
            distance = np.log(adjusted / np.where(predicted > 0, predicted, np.nan))
        usable = np.isfinite(distance) & running[:, None]
        if not usable.any():
            return np.zeros(distance.shape, dtype=bool)
        distance = np.where(usable, distance, np.nan)
        far: Bools = np.abs(distance - np.nanmedian(distance)) > self._settings.trim
        return far

    def _set_against_own(self, number: int) -> None:
        """Set every server against its own release's curve of the time."""
        window = self._observed.window(number)
        for release, curve in self._curves.items():
            running = self._windows.release[:, number] == release
            if not running.any():
                continue
            index = self._own_index.setdefault(release, np.full(self._index.shape, np.nan))
            with np.errstate(all="ignore"):
                cells = (curve.predicted(window) > 0) & curve.supports(window)
            index[:, number] = curve.index(window, cells & running[:, None])

    def _set_against_baseline(self, number: int) -> None:
        """Set every server against the baseline's curve, over the cells both releases visited."""
        window, curve = self._observed.window(number), self._curves[BASELINE]
        release = self._windows.release[:, number]
        candidate_seen = np.isfinite(window["w"]).any(1) & (release == CANDIDATE)
        with np.errstate(all="ignore"):
            cells = (curve.predicted(window) > 0) & curve.supports(window)
        recent = self._visited[:, :, max(0, number - self._after) : number + 1].sum(2)
        for side in (BASELINE, CANDIDATE):
            running = release == side
            if side == BASELINE and not candidate_seen.any():
                cells[running] = False
                continue
            with np.errstate(all="ignore"):
                weighty = recent[side] * self._settings.cell_share <= curve.coefficients["w"]
            cells[running] &= (recent[side] > 0) & weighty
        self._compared[:, :, number] = cells
        self._index[:, number] = curve.index(window, cells)

    def _fit_curves(self, number: int) -> None:
        for release in (BASELINE, CANDIDATE):
            # the baseline's curve stands still once a candidate runs
            superseded = release == BASELINE and self._live[CANDIDATE][number]
            if self._live[release][number] and not superseded:
                self._fit(release, number)

    def _fit(self, release: int, number: int) -> None:
        since = max(0, number - self._before)
        recent = [m[release] for m in self._moments[since : number + 1] if release in m]
        if not recent:
            return
        least_weight = self._settings.cell_time / WINDOW
        earlier, tilt = self._curves.get(release), self._tilt(release, since, number)
        curve = fit(np.sum(recent, axis=0), self._settings, least_weight, earlier, tilt)
        if curve is None:
            return
        self._curves[release] = curve
        if release not in self._own_index:
            return
        history = self._own_index[release][:, since : number + 1]
        medians = self._own_median.setdefault(release, np.full(len(history), np.nan))
        for server, index in enumerate(history):
            usable = index[np.isfinite(index)]
            if len(usable) > LEAST_OWN_WINDOWS:
                medians[server] = np.median(usable)

    def _tilt(self, release: int, since: int, number: int) -> float:
        """Return how the release's mean index moves with its load: what matching leaves."""
        if release not in self._own_index:
            return 0.0
        span = slice(since, number + 1)
        running = self._windows.release[:, span] == release
        loads = np.nan_to_num(self._observed.columns["z"][:, :, span])
        weights = self._weight[:, :, span] * running[:, None, :]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = np.where(running, self._own_index[release][:, span], np.nan)
            index = np.nanmedian(own, axis=0)
            load = (weights * loads).sum((0, 1)) / weights.sum((0, 1))
        usable = np.isfinite(index) & np.isfinite(load)
        x, y = load[usable], index[usable]
        if len(x) < LEAST_TOGETHER:
            return 0.0
        return float(((x - x.mean()) * (y - y.mean())).mean() / (x.var() + 0.01))

    def verdict(self, margin: float, number: int) -> RuleVerdict:
        """Return what the last evaluated window says, with a margin of change that matters."""
        if not (self._windows.info[:, number] == CANDIDATE).any():
            return NO_VERDICT
        settings = self._settings
        windows = np.arange(self._count)
        recent = (windows >= number - self._after) & (windows <= number)
        candidate, baseline = self._shifts(recent, number)
        compared = ((self._windows.release == CANDIDATE) & recent)[:, None, :]
        work = np.nan_to_num(self._observed.columns["g"]) * compared
        total = work.sum()
        coverage = float((work * self._compared).sum() / total) if total > 0 else 0.0
        weights = self._weight * compared * self._compared
        overlap = weights.sum() * WINDOW
        n, m = len(candidate), len(baseline)
        if n == 0:
            return NO_VERDICT
        if m >= 2:
            ln, df = float(candidate.mean() - baseline.mean()), n + m - 2
            pooled = (n * candidate.var() + m * baseline.var()) / df if df else np.nan
            stderr = np.sqrt(pooled * (1 / n + 1 / m) + settings.floor**2)
        else:
            ln, df, m = float(candidate.mean()), n - 1, 0
            loads = np.nan_to_num(self._observed.columns["z"])
            moved = float((loads * weights).sum() / weights.sum()) - self._curves[BASELINE].load
            ln -= self._curves[BASELINE].tilt * moved
            floor = settings.floor_alone**2 + (settings.floor_moved * moved) ** 2
            stderr = np.sqrt(candidate.var() / df + floor) if df else np.nan
        if df < 3:
            return RuleVerdict(ln, -np.inf, np.inf, coverage, n, m, "not_comparable")
        # Student's t at 97.5 %, as a polynomial that PromQL can compute
        half = (1.96 + 2.4 / df + 3.6 / df**2) * stderr
        lower, upper = ln - half, ln + half
        enough_overlap = min(settings.overlap, parse_duration(settings.after))
        enough_coverage = settings.coverage_beside if m else settings.coverage
        if coverage < enough_coverage or overlap < enough_overlap:
            verdict = "not_comparable"
        else:
            verdict = verdict_of(ln, lower, upper, margin)
        if verdict == "equivalent" and coverage < settings.coverage:
            verdict = "inconclusive"
        return RuleVerdict(ln, lower, upper, coverage, n, m, verdict)

    def _shifts(self, recent: Bools, number: int) -> tuple[Array, Array]:
        """Return each server's median index less its own before, candidate's and baseline's."""
        before = self._own_median.get(BASELINE, np.full(len(self._index), np.nan))
        typical = np.nanmean(before) if np.isfinite(before).any() else np.nan
        shifts: dict[int, list[float]] = {BASELINE: [], CANDIDATE: []}
        for server, release in enumerate(self._windows.info[:, number]):
            index = self._index[server]
            usable = recent & (self._windows.release[server] == release) & np.isfinite(index)
            own = before[server] if np.isfinite(before[server]) else typical
            if usable.sum() >= LEAST_WINDOWS and np.isfinite(own):
                shifts[int(release)].append(float(np.median(index[usable]) - own))
        return np.array(shifts[CANDIDATE]), np.array(shifts[BASELINE])


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
