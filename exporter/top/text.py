"""Numbers as the live view writes them, and cells laid out so that nothing is cut."""

from collections.abc import Iterable, Sequence
from io import StringIO
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from ..base.untrusted import one_line
from ..derive.counters.histogram import Quantile, Share
from ..publish.figures import duration_text

ABSENT: Final = "-"
"""What stands where a value is unknown."""
LABEL: Final = "dim"
_GAP: Final = 3
_COLUMN: Final = 9
_BARS: Final = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_CONSOLE: Final = Console(file=StringIO(), width=80, color_system=None)


def bound_text(seconds: float) -> str:
    """Return a bucket's bound or a threshold as it was chosen, such as `2.5 s` or `10 ms`."""
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def tokens_text(tokens: float) -> str:
    """Return a number of tokens."""
    return f"{tokens:,.0f}"


def quantile_text(quantile: Quantile | None, tokens: bool = False) -> str:
    """Return a quantile of times, or of tokens; where it has no value, its bound."""
    if quantile is None:
        return ABSENT
    if quantile.value is not None:
        return tokens_text(quantile.value) if tokens else duration_text(quantile.value)
    text = tokens_text if tokens else bound_text
    if quantile.upper is not None:
        return f"<= {text(quantile.upper)}"
    return ABSENT if quantile.lower is None else f"> {text(quantile.lower)}"


def percent_text(share: float) -> str:
    """Return a share; one decimal where whole percents would say nothing."""
    return f"{share:.1%}" if 0 < share < 0.0995 or 0.985 <= share < 1 else f"{share:.0%}"


def share_text(share: Share | None) -> str:
    """Return a share, or the two it lies between."""
    if share is None:
        return ABSENT
    low, high = percent_text(share.low), percent_text(share.high)
    return low if low == high else f"{low} to {high}"


def cell(label: str, value: str, style: str = "") -> Text:
    """Return a value behind what it is; either may come from outside."""
    return Text.assemble((one_line(label), LABEL), " ", (one_line(value, len(value)), style))


def line(text: str, style: str = "") -> Text:
    """Return a text from anywhere as one line."""
    return Text(one_line(text, len(text)), style)


def wrapped(text: Text, width: int) -> list[Text]:
    """Return a text in lines of at most `width` columns; longer words are folded."""
    return list(text.wrap(_CONSOLE, max(width, 1), overflow="fold")) or [Text()]


def flow(cells: Iterable[Text], width: int) -> list[Text]:
    """Return cells in lines of at most `width` columns, as many to a line as fit."""
    lines = list[Text]()
    for text in cells:
        if lines and lines[-1].cell_len + _GAP + text.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], " " * _GAP, text)
        elif text.cell_len <= width:
            lines.append(text)
        else:
            lines += wrapped(text, width)
    return lines


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Text]:
    """Return rows below their head, the first column aligned left and the others right.

    Where they are wider than `width`, each row is a flow of its values behind their titles.
    """
    if not rows:
        return []
    columns = zip(head, *rows, strict=True)
    first, *others = (max(map(cell_len, column)) for column in columns)
    # steady columns where there is room for them
    sizes = [max(size, _COLUMN) + 2 for size in others]
    if first + sum(sizes) > width:
        sizes = [size + 1 for size in others]
    if first + sum(sizes) > width:
        titles = head[1:]
        return [
            each
            for name, *values in rows
            for each in flow(
                [line(name, LABEL), *(cell(t, v) for t, v in zip(titles, values, strict=True))],
                width,
            )
        ]
    return [
        Text.assemble(
            (_padded(name, first), LABEL),
            *(
                (_padded(text, size, align_left=False), "" if number else LABEL)
                for text, size in zip(texts, sizes, strict=True)
            ),
        )
        for number, (name, *texts) in enumerate([head, *rows])
    ]


def _padded(text: str, width: int, align_left: bool = True) -> str:
    text = one_line(text, len(text))
    space = " " * (width - cell_len(text))
    return text + space if align_left else space + text


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the newest values as bars from 0 to the largest of them."""
    newest = values[-width:]
    largest = max(newest)
    steps = len(_BARS) - 1
    return "".join(_BARS[round(steps * (value / largest)) if largest else 0] for value in newest)


def joined(lines: Sequence[Text]) -> Text:
    """Return lines as one text."""
    return Text("\n").join(lines)


def beside(align_left: Sequence[Text], right: Sequence[Text], width: int) -> list[Text]:
    """Return two columns of lines, the left one being `width` columns wide."""
    return [
        Text.assemble(left_line, " " * (width - left_line.cell_len), right_line)
        for left_line, right_line in zip_longest(align_left, right, fillvalue=Text())
    ]


def shortened(text: str, width: int) -> str:
    """Return a text of at most `width` columns: of a longer one beginning and end."""
    if cell_len(text) <= width:
        return text
    begin = (width - 1) // 2
    end, room = "", width - 1 - begin
    for character in reversed(text):
        if cell_len(character + end) > room:
            break
        end = character + end
    return f"{set_cell_size(text, begin).rstrip()}~{end}"
