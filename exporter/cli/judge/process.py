"""Upgrades judged while servers are watched: each run is a process of its own.

Whatever becomes of a run, sampling goes on and the last verdicts stay: it may crash, hang, or be
killed for its memory, and what it held is given back when it ends.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path
from signal import Signals
from threading import Event, Lock, Thread, Timer
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from ...compare.series import metrics
from ...compare.summary import Json, verdict_report
from ...compare.verdicts import MAX_BYTES, Verdicts
from ...config import JudgeSettings
from .run import Order, Outcome

_QUERY_TIMEOUTS: Final = 31
"""A run's time limit in time limits of one query: one more than all of its queries may take."""
_ROOT: Final = Path(__file__).parents[3]
_log = logging.getLogger(__name__)


class JudgeProcess(Collector):
    """Judges again and again between `start` and `stop`, and keeps the last verdicts."""

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings
        self._verdicts, self._failures = Verdicts(), 0
        self._stopped, self._lock = Event(), Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._thread = Thread(target=self._run, name="judge", daemon=True)

    def start(self) -> None:
        """Begin to judge: at once, and then again every `every`."""
        self._thread.start()

    def stop(self) -> None:
        """End, and with it a run that lasts."""
        self._stopped.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def take_over(self, before: "JudgeProcess") -> None:
        """Begin with the verdicts of another, until there are own ones."""
        self._verdicts, self._failures = before._verdicts, before._failures

    def collect(self) -> list[Metric]:
        """Return the metrics of the last verdicts."""
        return list(metrics(self._verdicts, self._failures))

    def page(self) -> bytes:
        """Return the metrics as text."""
        return generate_latest(self._registry)

    def report(self) -> Json:
        """Return the verdicts as the fleet API shows them."""
        return verdict_report(self._verdicts)

    def _run(self) -> None:
        while True:
            self._judge()
            if self._stopped.wait(self.settings.every):
                return

    def _judge(self) -> None:
        """Judge once; a run without a verdict leaves the verdicts as they are."""
        try:
            outcome = self._outcome()
        except (OSError, ValueError) as error:
            outcome = Outcome(succeeded=False, log=(f"the judge's process failed: {error}",))
        if self._stopped.is_set():
            return
        for line in outcome.log:
            _log.warning("%s", line)
        if not outcome.succeeded:
            self._failures += 1
        if outcome.succeeded or not self._verdicts.succeeded_at:
            # of a run that failed, those that outlived a restart
            self._verdicts = outcome.verdicts

    def _outcome(self) -> Outcome:
        """Run once; raise `OSError` or `ValueError` where there is no outcome."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        with self._lock:
            if self._stopped.is_set():
                return Outcome(succeeded=False)
            process = self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "exporter.cli.judge.run"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        # signals that this process waits for are blocked in its children as well
        limit = Timer(_QUERY_TIMEOUTS * self.settings.timeout, process.kill)
        limit.start()
        try:
            with process:
                assert process.stdin is not None
                assert process.stdout is not None
                order = Order(settings=self.settings, verdicts=self._verdicts)
                process.stdin.write(order.model_dump_json().encode())
                process.stdin.close()
                output = process.stdout.read(MAX_BYTES + 1)
                if len(output) > MAX_BYTES:
                    process.kill()
        finally:
            limit.cancel()
            with self._lock:
                self._process = None
        if process.returncode < 0:
            raise ValueError(f"killed by {Signals(-process.returncode).name}")
        if process.returncode > 0:
            raise ValueError(f"it ended with {process.returncode}")
        return Outcome.model_validate_json(output)
