"""What a page leaves out of a server: series that cannot be written, families that failed."""

import logging
from collections import Counter
from typing import Final

from ..base.untrusted import finite, is_unicode, one_line
from ..engines.plan import Labels
from ..vocabulary.exporter import SERIES_LEFT_OUT
from ..vocabulary.family import PREFIX
from ..vocabulary.states import LeftOutReason
from .text import header, labels_text

log = logging.getLogger(__name__)

_NAME: Final = PREFIX + SERIES_LEFT_OUT.name


class LeftOut:
    """Counts the series that one page leaves out, by target and reason.

    One value or text that cannot be written must not cost the others their place on the page.
    """

    def __init__(self) -> None:
        self._counts = Counter[tuple[str, LeftOutReason]]()

    def add(self, target: str, reason: LeftOutReason, series: int = 1) -> None:
        """Count series of a target."""
        self._counts[target, reason] += series

    def fail(self, target: str, family: str, error: Exception) -> None:
        """Count a family of a target whose rendering raised."""
        self.add(target, "internal")
        log.error("%s of %s is left out of the page", family, one_line(target), exc_info=error)

    def line(self, target: str, name: str, labels: Labels, value: float) -> str:
        """Return a series' line, empty where it cannot be written."""
        number = finite(value)
        if number is None:
            self.add(target, "no_number")
            return ""
        text = labels_text(labels)
        if not is_unicode(text):
            self.add(target, "no_text")
            return ""
        return f"{name}{text} {number!r}\n"

    def lines(self) -> list[str]:
        """Return the family that tells these counts; nothing where nothing is left out."""
        lines = []
        for (target, reason), count in self._counts.items():
            if count:
                # a name that cannot be written is the one thing wrong with all of its series
                shown = target if is_unicode(target) else one_line(target)
                text = labels_text((("target", shown), ("reason", reason)))
                lines.append(f"{_NAME}{text} {float(count)!r}\n")
        return [header(SERIES_LEFT_OUT), *lines] if lines else []
