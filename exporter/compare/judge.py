"""`inferfleet judge`: the comparison on a schedule, its verdicts published as metrics.

Keeps the last verdicts through a lost Prometheus, and through its own restart where it has a state
file. A failed run shows in the age of the last good one, never by a changed verdict.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time as _now

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ..base.errors import CompareError, InferfleetError
from .assess.result import Comparison
from .fleet.query import fetch_fleet
from .fleet.span import Span
from .interim import analyse_upgrades
from .options import Options, api_of, question_of
from .series import metrics
from .verdicts import Verdicts, check_external_label, load_verdicts, save_verdicts

_log = logging.getLogger(__name__)


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
                check_external_label(name)
            except ValueError as error:
                raise CompareError(f"--keep-label: {error}") from None
        self.verdicts = load_verdicts(state) if state else Verdicts()
        self._failures = 0

    def run(self) -> bool:
        """Judge once; return whether it succeeded. A failure leaves the verdicts as they are."""
        now = self._now()
        if now < self.verdicts.succeeded_at:
            _log.warning("the clock went back: the last success counts as of now")
            # one in the future would look fresh until the clock is there
            self.verdicts = self.verdicts.model_copy(update={"succeeded_at": now})
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
        self.verdicts = Verdicts(succeeded_at=self._now(), comparisons=comparisons)
        if self._state_path:
            save_verdicts(self._state_path, self.verdicts)
        return True

    def _judge(self) -> tuple[Comparison, ...]:
        now, question = self._now(), self._question
        span = Span(now - self._options.window, now, self._options.step)
        sides = question.baseline, question.candidate
        keep_labels = self._options.keep_labels
        fleet = fetch_fleet(self._api, sides, question.models, span, keep_labels=keep_labels)
        return analyse_upgrades(fleet, question, now, self.verdicts.comparisons)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last verdicts."""
        yield from metrics(self.verdicts, self._failures)

    def page(self) -> str:
        """Return the metrics as text."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()
