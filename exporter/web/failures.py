"""What went wrong in serving, counted by reason."""

import logging
from collections.abc import Mapping
from typing import Final

from ..vocabulary.states import WEB_FAILURES, WebFailure

_log: Final = logging.getLogger(__name__)


class Failures:
    """Counts failures and logs them; a line begins with the reason, so a storm is one kind."""

    def __init__(self) -> None:
        self.counts: Mapping[WebFailure, int] = dict.fromkeys(WEB_FAILURES, 0)

    def add(self, reason: WebFailure, sentence: str, error: BaseException | None = None) -> None:
        """Count and log a failure, with its traceback where there is an error."""
        # replaced whole: the page with the counts is written in another thread
        self.counts = {**self.counts, reason: self.counts[reason] + 1}
        level = logging.ERROR if error else logging.WARNING
        _log.log(level, "%s: %s", reason, sentence, exc_info=error)
