"""One server in full."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ..panels import ServerState, server_head, server_lines
from ..text import joined
from ..watch import FleetWatch, ServerWatch
from .refresh import Refreshed


class ServerScreen(Refreshed):
    """All that is known of one server, to scroll where the terminal is small."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "app.pop_screen", "back"),
    ]
    KEYS = (
        ("Esc", "back"),
        ("Up Down PgDn End", "scroll"),
        ("p", "pause"),
        ("?", "help"),
        ("q", "quit"),
    )
    DEFAULT_CSS = """
    ServerScreen VerticalScroll { height: 1fr; }
    """

    def __init__(self, watch: FleetWatch, server: ServerWatch) -> None:
        super().__init__()
        self._watch = watch
        self._server = server

    def body(self) -> ComposeResult:
        """Yield the panels."""
        with VerticalScroll():
            yield Static(id="panels")

    def renew(self) -> None:
        """Show the newest reading; go back where the server is watched no longer."""
        if not any(watch is self._server for watch in self._watch.watches):
            self.app.pop_screen()
            return
        scroll = self.query_one(VerticalScroll)
        width = self.app.size.width - scroll.scrollbar_size_vertical
        server = self._server
        state = ServerState(
            self._watch.report(server), self._watch.detail(server), server.live, server.status
        )
        self.show(server_head(state, self.app.size.width))
        self.put("#panels", joined(server_lines(state, width)))
