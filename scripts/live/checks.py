"""A figure of the exporter held against one that is known otherwise, and the table of all."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = ("check", "client", "exporter", "verdict")


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, both figures as text, and whether they agree."""

    name: str
    client: str
    exporter: str
    right: bool

    @property
    def verdict(self) -> str:
        """As the table has it."""
        return "ok" if self.right else "WRONG"


def equal(name: str, client: float, exporter: float | None) -> Check:
    """Check a count that must be the same."""
    return Check(name, _text(client), _text(exporter), exporter == client)


def near(name: str, client: float, exporter: float | None, share: float) -> Check:
    """Check a figure that may be off by a share of the client's."""
    right = exporter is not None and abs(exporter - client) <= share * abs(client)
    return Check(name, f"{_text(client)} ± {share:.0%}", _text(exporter), right)


def between(name: str, low: float, high: float, exporter: float | None) -> Check:
    """Check a figure that must lie between two, both included."""
    right = exporter is not None and low <= exporter <= high
    return Check(name, f"{_text(low)} to {_text(high)}", _text(exporter), right)


def equal_text(name: str, client: str, exporter: str | None) -> Check:
    """Check a word."""
    return Check(name, client, "unknown" if exporter is None else exporter, exporter == client)


def table(checks: Iterable[Check]) -> str:
    """Return the checks in columns, those that failed with a verdict to look for."""
    rows = [_COLUMNS, *((c.name, c.client, c.exporter, c.verdict) for c in checks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _text(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
