"""Values of arguments that the new release does not take, where its packages list those. Pure."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from ..base.untrusted import one_line
from .catalog import ReleaseCatalog
from .finding import Finding, Kind, Severity
from .sources.launches import Launch

_WORKED_OUT: Final = re.compile(r"[$`{<]")
"""What a value begins or goes on with that a shell, a template or a reader fills in."""
_UNSET: Final = ("", "none")
_MOST_LISTED: Final = 6


def value_findings(
    launch: Launch, catalog: ReleaseCatalog, old: str, new: str
) -> Iterator[Finding]:
    """Yield the values that are no choice of their argument; letters' case does not count."""
    before, after = (catalog.facts("arguments", release) for release in (old, new))
    for flag, values in launch.flags.items():
        taken = after.get(flag, {}).get("choices")
        if not taken or len(values) != 1 or _WORKED_OUT.search(values[0]):
            continue
        value = values[0]
        if value.lower() in _UNSET or _is_in(value, taken):
            continue
        shown, releases = one_line(value), _releases_with(catalog, flag, value)
        kind: Kind = "value-unknown"
        severity: Severity = "warning"
        text = f"{flag} takes no {shown} in {catalog.engine} {new}"
        if _is_in(value, before.get(flag, {}).get("choices", ())):
            kind, severity = "value-removed", "error"
            text = (
                f"{flag} does not take {shown} any more: {catalog.engine} {new} ends with an error"
            )
        elif releases:
            text += f"; {releases[-1]} is the last that did"
        elif launch.is_wrapped:
            continue
        remedy = _remedy(value, taken)
        yield Finding(kind, severity, "server", launch.place, f"{flag} {shown}", text, remedy)


def _is_in(value: str, choices: Collection[str]) -> bool:
    return value.lower() in {choice.lower() for choice in choices}


def _releases_with(catalog: ReleaseCatalog, flag: str, value: str) -> list[str]:
    """Return the last releases of the spans in which a flag took a value."""
    spans = catalog.sections["arguments"].get(flag, ())
    return [str(span["last"]) for span in spans if _is_in(value, span.get("choices", ()))]


def _remedy(value: str, taken: Collection[str]) -> str:
    longer = [choice for choice in taken if choice.lower().startswith(value.lower())]
    near = longer or get_close_matches(value, taken, 1)
    if near:
        return f"did you mean {' or '.join(near)}?"
    listed = ", ".join(list(taken)[:_MOST_LISTED])
    more = len(taken) - _MOST_LISTED
    return f"it takes {listed}" + (f" and {more} more" if more > 0 else "")
