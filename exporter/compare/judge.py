"""`inferfleet judge`: the comparison on a schedule, its verdicts published as metrics.

Keeps the last verdicts through a lost Prometheus, and through its own restart where it has a state
file. A failed run shows in the age of the last good one, never by a changed verdict.
"""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time as _now
from typing import Final, Self

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field, ValidationError, model_validator

from ..base.atomic_write import write_atomically
from ..base.errors import CompareError, InferfleetError
from ..vocabulary.exporter import JUDGE
from ..vocabulary.family import PREFIX
from ..vocabulary.verdict import VERDICTS
from .assess.result import Comparison
from .fleet.query import fetch_fleet
from .fleet.span import Span
from .interim import analyse_upgrades
from .options import Options, api_of, question_of

_log = logging.getLogger(__name__)

_HELP: Final = {family.name: family.help for family in JUDGE}
_MAX_STATE_BYTES: Final = 64 << 20
_LABELS: Final = ("engine", "model", "gpu_model", "class", "release", "baseline", "measure")


class _State(BaseModel):
    """What outlives a restart."""

    succeeded_at: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    comparisons: tuple[Comparison, ...] = ()

    @model_validator(mode="after")
    def _check_label_names(self) -> Self:
        for comparison in self.comparisons:
            for name in comparison.external_labels:
                _check_external_label(name)
        return self


class Judge(Collector):
    """Keeps the last verdicts and collects them as metrics; `run` replaces them whole."""

    def __init__(
        self, options: Options, state: Path | None = None, now: Callable[[], float] = _now
    ) -> None:
        self._options, self._state_path, self._now = options, state, now
        self._api = api_of(options)
        self._question = question_of(options)
        for name in options.keep_labels:
            try:
                _check_external_label(name)
            except ValueError as error:
                raise CompareError(f"--keep-label: {error}") from None
        self._state = _load(state) if state else _State()
        self._failures = 0

    def run(self) -> bool:
        """Judge once; return whether it succeeded. A failure leaves the verdicts as they are."""
        now = self._now()
        if now < self._state.succeeded_at:
            _log.warning("the clock went back: the last success counts as of now")
            # one in the future would look fresh until the clock is there
            self._state = self._state.model_copy(update={"succeeded_at": now})
        try:
            comparisons = self._judge()
        except InferfleetError as error:
            self._failures += 1
            _log.warning("the verdicts stay as they were: %s", error)
            return False
        except Exception:
            self._failures += 1
            _log.exception("the verdicts stay as they were")
            return False
        self._state = _State(succeeded_at=self._now(), comparisons=comparisons)
        self._save()
        return True

    def _judge(self) -> tuple[Comparison, ...]:
        now, question = self._now(), self._question
        span = Span(now - self._options.window, now, self._options.step)
        sides = question.baseline, question.candidate
        keep_labels = self._options.keep_labels
        fleet = fetch_fleet(self._api, sides, question.models, span, keep_labels=keep_labels)
        return analyse_upgrades(fleet, question, now)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last verdicts."""
        state = self._state
        # where no series has an external label there is none here either
        external = tuple(
            dict.fromkeys(name for each in state.comparisons for name in each.external_labels)
        )
        effect = _gauge("upgrade_effect_ratio", (*external, *_LABELS, "bound"))
        verdict = _gauge("upgrade_verdict", (*external, *_LABELS, "verdict"))
        for comparison in state.comparisons:
            for result in comparison.measures:
                labels = [
                    *(comparison.external_labels.get(name, "") for name in external),
                    comparison.engine,
                    comparison.model,
                    comparison.gpu_model,
                    comparison.server_class,
                    ", ".join(comparison.candidate.releases),
                    ", ".join(comparison.baseline.releases),
                    result.measure,
                ]
                if estimate := result.estimate:
                    effect.add_metric([*labels, "estimate"], estimate.ratio)
                    effect.add_metric([*labels, "lower"], estimate.lower)
                    effect.add_metric([*labels, "upper"], estimate.upper)
                for value in VERDICTS:
                    verdict.add_metric([*labels, value], float(value == result.verdict))
        yield effect
        yield verdict
        last = _gauge("judge_last_success_timestamp_seconds", ())
        if state.succeeded_at:
            last.add_metric([], state.succeeded_at)
        yield last
        failures = CounterMetricFamily(
            PREFIX + "judge_failures", _HELP["judge_failures_total"], labels=()
        )
        failures.add_metric([], self._failures)
        yield failures

    def page(self) -> str:
        """Return the metrics as text."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()

    def _save(self) -> None:
        path = self._state_path
        if path is None:
            return
        try:
            write_atomically({path: self._state.model_dump_json()})
        except OSError as error:
            _log.warning("--state: %s cannot be written: %s", path, error.strerror or error)


def _check_external_label(name: str) -> None:
    """Raise `ValueError` where a label cannot stand beside those of a verdict."""
    if name in (*_LABELS, "bound", "verdict"):
        raise ValueError(f"{name} is a label of the verdicts themselves")
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise ValueError(f"{name!r} is no label name")


def _gauge(name: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, _HELP[name], labels=labels)


def _load(path: Path) -> _State:
    try:
        with path.open("rb") as file:
            return _State.model_validate_json(file.read(_MAX_STATE_BYTES))
    except FileNotFoundError:
        return _State()
    except OSError as error:
        raise CompareError(f"--state: {path} cannot be read: {error.strerror or error}") from error
    except ValidationError:
        _log.warning("--state: %s is damaged or of another release, and is begun anew", path)
        return _State()
