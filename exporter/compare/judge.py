"""`inferfleet judge`: the comparison on a schedule, its verdicts published as metrics.

Keeps the last verdicts through a lost Prometheus, and through its own restart where it has a state
file. A failed run is told by the age of the last good one, never by a changed verdict.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time as _now
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel, ValidationError

from ..errors import CompareError, InferfleetError
from ..vocabulary.exporter import JUDGE
from ..vocabulary.family import PREFIX
from ..vocabulary.verdict import VERDICTS
from .assess.comparison import Question, compare
from .assess.result import Comparison
from .assess.upgrades import Upgrade, at_look, upgrades
from .fleet.matchers import matches
from .fleet.query import fetch
from .fleet.span import Span
from .fleet.windows import Fleet
from .run import Options, api_of, question_of

_log = logging.getLogger(__name__)

_HELP: Final = {family.name: family.help for family in JUDGE}
_LABELS: Final = ("engine", "model", "gpu_model", "class", "release", "baseline", "measure")


class _State(BaseModel):
    """What outlives a restart."""

    succeeded_at: float = 0.0
    comparisons: tuple[Comparison, ...] = ()


class Judge(Collector):
    """Holds the last verdicts and writes them as metrics; `run` replaces them whole."""

    def __init__(
        self, options: Options, state: Path | None = None, now: Callable[[], float] = _now
    ) -> None:
        self._options, self._path, self._clock = options, state, now
        self._api = api_of(options)
        self._question = question_of(options)
        self._state = _load(state) if state else _State()
        self._failures = 0

    def run(self) -> bool:
        """Judge once; return whether it succeeded. A failure leaves the verdicts as they are."""
        try:
            found = self._judge()
        except InferfleetError as error:
            self._failures += 1
            _log.warning("the verdicts stay as they were: %s", error)
            return False
        except Exception:
            self._failures += 1
            _log.exception("the verdicts stay as they were")
            return False
        self._state = _State(succeeded_at=self._clock(), comparisons=found)
        self._save()
        return True

    def _judge(self) -> tuple[Comparison, ...]:
        end = self._clock()
        question = self._question
        span = Span(end - self._options.window, end, self._options.step)
        fleet = fetch(self._api, (question.baseline, question.candidate), question.models, span)
        if question.baseline and question.candidate:
            asked = _asked(fleet, question)
        else:
            asked = upgrades(fleet, question)
        found = list[Comparison]()
        for upgrade in asked:
            look = at_look(fleet, upgrade, end)
            if look is not None:
                found += compare(*look)
        return tuple(found)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last verdicts."""
        state = self._state
        effect = _gauge("upgrade_effect_ratio", (*_LABELS, "bound"))
        verdict = _gauge("upgrade_verdict", (*_LABELS, "verdict"))
        for one in state.comparisons:
            for measure in one.measures:
                labels = [
                    one.engine,
                    one.model,
                    one.gpu_model,
                    one.server_class,
                    ", ".join(one.candidate.releases),
                    ", ".join(one.baseline.releases),
                    measure.measure,
                ]
                told = measure.estimate
                if told is not None:
                    bounds = {"estimate": told.ratio, "lower": told.lower, "upper": told.upper}
                    for bound, value in bounds.items():
                        effect.add_metric([*labels, bound], value)
                for word in VERDICTS:
                    verdict.add_metric([*labels, word], float(word == measure.verdict))
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
        if self._path is None:
            return
        beside = self._path.with_name(self._path.name + ".new")
        try:
            beside.write_text(self._state.model_dump_json(), encoding="utf-8")
            os.replace(beside, self._path)
        except OSError as error:
            _log.warning("--state: %s cannot be written: %s", self._path, error.strerror or error)


def _asked(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the one upgrade the matchers ask for, if its candidate has had work."""
    labels = [
        {**server.labels, **facts.labels}
        for server, facts in zip(fleet.windows.servers, fleet.facts, strict=True)
    ]
    ours = fleet.windows.of([matches(question.candidate, one) for one in labels])
    return (Upgrade(question, float(ours.time.min())),) if len(ours) else ()


def _gauge(name: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, _HELP[name], labels=labels)


def _load(path: Path) -> _State:
    try:
        return _State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _State()
    except OSError as error:
        raise CompareError(f"--state: {path} cannot be read: {error.strerror or error}") from error
    except ValidationError:
        _log.warning("--state: %s is of another release and is begun anew", path)
        return _State()
