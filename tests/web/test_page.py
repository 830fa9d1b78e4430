"""The status page as a text: what is inlined, what the policy admits, how names are carried."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product

import pytest

from exporter.web.app import encode_json
from exporter.web.status_page import StatusPage

EVIL = '</script><script>document.title="owned"</script><!-- <script> ]]>'


class _Elements(HTMLParser):
    """Collects the text of script and style elements, and every address the page names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inside = ""
        self.texts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.addresses += [named[key] or "" for key in ("src", "href") if key in named]
        assert not any(key.startswith("on") or key == "style" for key in named)
        if tag in ("script", "style"):
            self.inside = f"{tag} {named.get('type') or ''}".strip()
            self.texts[self.inside] = ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[self.inside] += data


def _page(fleet: dict[str, object]) -> tuple[StatusPage, _Elements]:
    page = StatusPage()
    return page, _Elements(b"".join(page.render(encode_json(fleet))).decode())


def test_nothing_is_left_to_fill_in_and_nothing_comes_from_elsewhere() -> None:
    page, elements = _page({})
    assert b"@@" not in b"".join(page.render([b"{}"]))
    assert set(elements.texts) == {"style", "script module", "script application/json"}
    for address in elements.addresses:
        assert re.match(r"data:image/svg|metrics$|api/v1/fleet$|config$", address)
    assert "url(" not in elements.texts["style"]
    assert "@import" not in elements.texts["style"]


def test_the_policy_admits_the_inlined_script_and_style_and_nothing_else() -> None:
    page, elements = _page({})
    policy = dict(
        rule.strip().split(" ", 1)
        for rule in page.headers["Content-Security-Policy"].split(";")
        if rule
    )
    for rule, element in (("script-src", "script module"), ("style-src", "style")):
        digest = b64encode(sha256(elements.texts[element].encode()).digest()).decode()
        assert policy[rule] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self'"


def test_no_name_closes_the_script_element() -> None:
    fleet: dict[str, object] = {"servers": [{"target": EVIL, "model": EVIL}]}
    page, elements = _page(fleet)
    assert json.loads(elements.texts["script application/json"]) == fleet
    assert EVIL.encode() not in b"".join(page.render(encode_json(fleet)))


def test_scripts_set_text_and_never_markup() -> None:
    _, elements = _page({})
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert way not in elements.texts["script module"]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [1, 2], ids=["light", "dark"])
def test_text_stands_out_from_every_ground(scheme: int) -> None:
    """WCAG 2.2, criterion 1.4.3 (AA): a contrast of 4.5 or more."""
    style = files("exporter.web").joinpath("status.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style.split(":root {")[scheme]))
    texts = ("ink", "soft", "accent", "good", "warn", "bad")
    grounds = ("page", "card", "raised", "bad-soft", "warn-soft", "accent-soft")
    for front, back in product(texts, grounds):
        dim, bright = sorted((_luminance(colours[front]), _luminance(colours[back])))
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, f"{front} on {back}"
