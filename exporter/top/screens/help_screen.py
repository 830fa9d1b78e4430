"""What the keys do and what the marks mean."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

_HELP = """\
Enter       open the server under the cursor
Esc         back
s           sort by the next column, largest first
r           turn the order round
p, space    stop the screen, or let it go on
?, h        this help
q           quit

!           the server is down: its values are from before
?           the server has not answered yet
-           unknown, or the engine does not tell
<= 10 ms    in the first bucket of the engine's histogram
> 80 s      above its last bound
peak        the largest sample since the server is watched
p90         nine of ten were at most that, over the window;
            interpolated within a bucket of the engine
"""


class HelpScreen(ModalScreen[None]):
    """The help, until a key is pressed."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen VerticalScroll { max-width: 66; height: auto; max-height: 100%; padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        """Yield the text."""
        with VerticalScroll():
            yield Static(_HELP, markup=False)

    def on_key(self) -> None:
        """Go back."""
        self.dismiss()
