"""The live view: a table of servers, one server in full, and the help."""

import asyncio
import signal
from typing import ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType

from ..watch import FleetWatch
from .fleet_screen import FleetScreen
from .help_screen import HelpScreen
from .refresh import Refreshed
from .server_screen import ServerScreen

_MOST_SECONDS: Final = 2.0
"""Seconds until the screen is drawn anew; an interval where that is shorter."""


class TopApp(App[None]):
    """Shows a fleet until the user quits; one server alone is shown in full at once.

    While it is paused nothing on the screen changes, and servers are sampled all the same.
    """

    TITLE = "inferfleet top"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "quit", priority=True),
        Binding("p,space", "pause", "pause"),
        Binding("question_mark,h", "help", "help"),
    ]

    def __init__(self, watch: FleetWatch) -> None:
        super().__init__()
        self.fleet = watch
        self.paused = False
        # frames in between are bytes over ssh, and the terminal's own colours are read by its user
        self.animation_level = "none"
        self.theme = "ansi-dark"

    def on_mount(self) -> None:
        """Begin to show."""
        # whoever ends the process gets the terminal back as it was
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        self.fleet.update()
        self.push_screen(FleetScreen(self.fleet))
        if len(self.fleet.watches) == 1:
            self.push_screen(ServerScreen(self.fleet, self.fleet.watches[0]))
        seconds = min(self.fleet.config.interval, _MOST_SECONDS)
        # each reading is to be seen once, whenever in an interval it comes
        self.set_interval(seconds / 2, self.fleet.update)
        self.set_interval(seconds, self.tick)

    def tick(self) -> None:
        """Show the newest readings."""
        self.fleet.update()
        if not self.paused:
            self._renew()

    def _renew(self) -> None:
        if isinstance(self.screen, Refreshed):
            self.screen.renew()

    def action_pause(self) -> None:
        """Stop the screen, or let it go on."""
        self.paused = not self.paused
        self._renew()

    def action_help(self) -> None:
        """Show what the keys do."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())
