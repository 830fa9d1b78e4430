"""The status page: template, style and script become one response with a strict CSP.

The page loads nothing from anywhere. The fleet is embedded as JSON, so the first view needs no
second request; the script then requests `api/v1/fleet` relative to the page's own address.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from ..derive.figure import FORMATS
from ..derive.figures import FIGURES
from ..vocabulary.verdict import NEXT_STEPS, VERDICTS

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#0f5fc2"/>'
    '<g fill="#fff"><rect x="7" y="17" width="4" height="8" rx="1.2"/>'
    '<rect x="14" y="12" width="4" height="13" rx="1.2"/>'
    '<rect x="21" y="7" width="4" height="18" rx="1.2"/></g></svg>'
)

_SCRIPTS: Final = (
    "status_format.js",
    "status_figures.js",
    "status_identity.js",
    "status_gpus.js",
    "status_columns.js",
    "status_details.js",
    "status_groups.js",
    "status_verdict.js",
    "status.js",
)


class StatusPage:
    """The page with everything but the fleet filled in; read from the package once."""

    def __init__(self) -> None:
        package = files(__package__)
        style = package.joinpath("status.css").read_text(encoding="utf-8")
        sources = [package.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS]
        script = "\n".join([_figures(), _verdicts(), *sources])
        page = package.joinpath("status.html").read_text(encoding="utf-8")
        page = page.replace("@@ICON@@", quote(ICON)).replace("@@STYLE@@", style)
        head, _, tail = page.replace("@@SCRIPT@@", script).partition("@@FLEET@@")
        self._head, self._tail = head.encode(), tail.encode()
        self.headers: Mapping[str, str] = {
            "Content-Security-Policy": (
                f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
                "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'"
            )
        }

    def render(self, fleet: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the page around a fleet given as JSON in blocks.

        No `<` of the JSON reaches the page as such, so no name in it can close the script element.
        """
        yield self._head
        for block in fleet:
            yield block.replace(b"<", b"\\u003c")
        yield self._tail


def _figures() -> str:
    """Return the script's constant FIGURES: the table of figures without what reads them."""
    rows = [
        {
            "name": figure.name,
            "title": figure.title,
            "meaning": figure.meaning,
            "unit": figure.unit,
            "format": FORMATS[figure.unit],
            "momentary": figure.momentary,
            "states": {
                name: {"title": state.title, "meaning": state.meaning}
                for name, state in figure.states.items()
            },
        }
        for figure in FIGURES
    ]
    text = json.dumps(rows).replace("<", "\\u003c")
    return f"const FIGURES = {text};\n"


def _verdicts() -> str:
    """Return the script's constant VERDICTS: how each verdict is called, and what to do."""
    rows = {
        verdict: {"title": title, "next_step": NEXT_STEPS[verdict]}
        for verdict, title in VERDICTS.items()
    }
    return f"const VERDICTS = {json.dumps(rows)};\n"


def _source(inline: str) -> str:
    """Return the CSP source that allows exactly this inline text."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"
