"""The demonstration's verdict: recorded runs compared as `inferfleet compare` does.

A fleet gathers hours of its own traffic before it has a verdict. Here each run that the fleet plays
is counted whole at once, by the exporter's own meter, and compared by its own estimator.
"""

import logging
from collections.abc import Sequence
from threading import Thread
from time import time
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ...base.errors import InferfleetError
from ...compare import extra
from ...compare.series import metrics
from ...compare.summary import verdict_report
from ...compare.verdicts import Verdicts
from ...publish.figures import Json

REPORT: Final = "report"
"""Where the report lies, below the status page."""

_PENDING: Final = "The verdict will stand here once {} servers are up with {}, within a minute."
_COMPARING: Final = "The upgrade is through; its runs are being compared."
_TIME_LAPSE: Final = (
    "Time-lapse: the {} runs are real, each recorded for about 3 minutes from a start of its own "
    "under the same load, and each is counted whole at once. A fleet of yours answers after hours "
    "of its own traffic."
)
_log = logging.getLogger(__name__)


class RecordedJudge(Collector):
    """Compares the runs of two sides once, when `compare` is called; both sides as names of runs.

    `release` is what the candidate is called before there is a verdict.
    """

    def __init__(self, baseline: Sequence[str], candidate: Sequence[str], release: str) -> None:
        self.verdicts = Verdicts()
        self.note = _PENDING.format(len(candidate), release)
        self._baseline, self._candidate = tuple(baseline), tuple(candidate)
        self._html: str | None = None
        self._failures = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._thread: Thread | None = None

    def start(self) -> None:
        """Say at once where there can be no verdict: what it needs may not be installed."""
        try:
            extra.require("numpy", "matplotlib")
        except InferfleetError as error:
            self.note = f"There will be no verdict: {error}."

    def stop(self) -> None:
        """Wait for a comparison that runs: a second or two."""
        if self._thread:
            self._thread.join()

    def compare(self) -> None:
        """Begin to compare, unless that has been done or cannot be."""
        if self._thread or not extra.is_installed("numpy", "matplotlib"):
            return
        self.note = _COMPARING
        self._thread = Thread(target=self._run, name="comparing", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._compare()
        except InferfleetError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("the runs could not be compared")
            self._fail(f"the exporter failed: {error!r}")

    def _fail(self, reason: str) -> None:
        self._failures += 1
        self.note = f"There is no verdict: {reason}."

    def _compare(self) -> None:
        # matplotlib and numpy take a second, which nobody waits for who only starts the demo
        from alerts.values import load

        from ...compare.options import Options
        from ...compare.report.html import html
        from ...compare.run import run

        matched = load().matched
        report = run(
            Options(
                baseline_recordings=self._baseline,
                candidate_recordings=self._candidate,
                margin=matched.margin,
                warm_up=matched.warm_up,
            )
        )
        self._html = html(report)
        self.note = _TIME_LAPSE.format(len(self._baseline) + len(self._candidate))
        self.verdicts = Verdicts(succeeded_at=time(), comparisons=report.comparisons)

    @property
    def command(self) -> str:
        """The command that gives the same report."""
        sides = (
            ("--baseline-recording", self._baseline),
            ("--candidate-recording", self._candidate),
        )
        return "inferfleet compare " + " ".join(
            f"{option} {' '.join(runs)}" for option, runs in sides
        )

    def collect(self) -> list[Metric]:
        """Return the metrics of the verdict."""
        return list(metrics(self.verdicts, self._failures))

    def page(self) -> bytes:
        """Return the metrics as text."""
        return generate_latest(self._registry)

    def html(self) -> str | None:
        """Return the report, None before there is one."""
        return self._html

    def report(self) -> Json:
        """Return the verdict as the fleet API shows it, and what it rests on."""
        document = verdict_report(self.verdicts)
        verdicts = [{**verdict, "report": REPORT} for verdict in document["verdicts"]]
        return {**document, "verdicts": verdicts, "verdict_note": self.note}
