"""What went wrong in serving, counted by reason, and logged seldom enough for any storm."""

import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from ..vocabulary.states import WEB_FAILURES, WebFailure

_LOG_SECONDS: Final = 60.0
_log: Final = logging.getLogger(__name__)


class Failures:
    """Counts failures, and logs each reason at most once a minute. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._logged: dict[WebFailure, tuple[float, int]] = {}
        self.counts: Mapping[WebFailure, int] = dict.fromkeys(WEB_FAILURES, 0)

    def add(self, reason: WebFailure, sentence: str, error: BaseException | None = None) -> None:
        """Count a failure; of those within a minute the first is logged, with its error."""
        now, count = self._clock(), self.counts[reason] + 1
        # replaced whole: the page with the counts is written in another thread
        self.counts = {**self.counts, reason: count}
        last, before = self._logged.get(reason, (None, 0))
        if last is not None and now - last < _LOG_SECONDS:
            return
        self._logged[reason] = now, count
        more = count - before - 1
        level = logging.ERROR if error else logging.WARNING
        remark = f" ({more} more since the last line)" if more else ""
        _log.log(level, "%s%s", sentence, remark, exc_info=error)
