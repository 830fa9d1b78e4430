"""A screen that shows something that changes, with its keys in the last line."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from ..text import LABEL, flow, joined


class Refreshed(Screen[None]):
    """A screen of a head, a body and its keys; subclasses fill the head and the body."""

    DEFAULT_CSS = """
    Refreshed #head { height: auto; max-height: 40%; }
    Refreshed #keys { height: auto; dock: bottom; }
    """
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()

    def compose(self) -> ComposeResult:
        """Yield the head, the body and the keys."""
        yield Static(id="head")
        yield from self.body()
        yield Static(id="keys")

    def body(self) -> ComposeResult:
        """Yield what stands between head and keys."""
        raise NotImplementedError

    def renew(self) -> None:
        """Show what is known now."""
        raise NotImplementedError

    @property
    def paused(self) -> bool:
        """Whether the screen stands still."""
        return bool(getattr(self.app, "paused", False))

    def on_mount(self) -> None:
        """Show for the first time."""
        self.renew()

    def on_resize(self) -> None:
        """Lay out anew."""
        self.renew()

    def on_screen_resume(self) -> None:
        """Show what has come while another screen was above."""
        self.renew()

    def show(self, head: list[Text]) -> None:
        """Fill the head and the keys."""
        width = self.app.size.width
        if self.paused:
            head = [Text("PAUSED: p goes on", "reverse"), *head]
        keys = [Text.assemble((key, "bold"), (f" {does}", LABEL)) for key, does in self.KEYS]
        self.put("#head", joined(head))
        self.put("#keys", joined(flow(keys, width)))

    def put(self, place: str, text: Text) -> None:
        """Fill a part of the screen; one that is the same is not drawn again."""
        shown = self.query_one(place, Static)
        if shown.content != text:
            shown.update(text)
