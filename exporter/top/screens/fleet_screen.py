"""The fleet: a table of servers with the columns that fit."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from ...base.exact_sum import exact_sum
from ...derive.figure import number_of
from ...derive.figures import BY_NAME
from ...publish.figures import text_of
from ..columns import Column, columns_for, name_width
from ..text import cell, flow, line, shortened, wrapped
from ..watch import FleetWatch, ServerWatch
from .refresh import Refreshed
from .server_screen import ServerScreen

_SUMMED = ("generation_tokens_per_second", "requests_running", "requests_waiting")


class FleetScreen(Refreshed):
    """A row for each server; those that are down keep their last values, and are marked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort"),
        Binding("r", "reverse", "reverse"),
    ]
    KEYS = (
        ("Enter", "open"),
        ("s", "sort"),
        ("r", "reverse"),
        ("p", "pause"),
        ("?", "help"),
        ("q", "quit"),
    )
    DEFAULT_CSS = """
    FleetScreen DataTable { height: 1fr; }
    """

    def __init__(self, watch: FleetWatch) -> None:
        super().__init__()
        self._watch = watch
        self._columns: Sequence[Column] = ()
        self._name_width = 0
        self._sorted_by = ""
        self._reversed = False
        self._rows: dict[str, list[Text]] = {}

    def body(self) -> ComposeResult:
        """Yield the table."""
        yield DataTable[Text](cursor_type="row", zebra_stripes=False)

    def renew(self) -> None:
        """Show the newest readings."""
        watches = self._order(self._watch.watches)
        self.show(self._head(watches))
        table = self.query_one(DataTable)
        # a scroll bar must not take the last column away
        width = self.app.size.width - table.scrollbar_size_vertical
        columns = columns_for(width)
        longest = max((len(watch.label) + 2 for watch in watches), default=1)
        name = name_width(width, columns, longest)
        if list(columns) != list(self._columns) or name != self._name_width:
            self._columns, self._name_width, self._rows = columns, name, {}
            table.clear(columns=True)
            table.add_column("  server", width=name, key="name")
            for column in columns:
                table.add_column(Text(column.title, justify="right"), width=column.width)
        self._fill(table, {watch.label: self._row(watch) for watch in watches})

    def _fill(self, table: "DataTable[Text]", rows: dict[str, list[Text]]) -> None:
        before, self._rows = self._rows, rows
        if list(before) == list(rows):
            for place, (old, new) in enumerate(zip(before.values(), rows.values(), strict=True)):
                for column, (previous, text) in enumerate(zip(old, new, strict=True)):
                    if previous != text or previous.style != text.style:
                        table.update_cell_at(Coordinate(place, column), text)
            return
        selected = self._selected(before, table)
        table.clear()
        for label, row in rows.items():
            table.add_row(*row, key=label)
        if selected in rows:
            table.move_cursor(row=list(rows).index(selected), animate=False)

    @staticmethod
    def _selected(rows: dict[str, list[Text]], table: "DataTable[Text]") -> str:
        labels = list(rows)
        return labels[table.cursor_row] if table.cursor_row < len(labels) else ""

    def _row(self, watch: ServerWatch) -> list[Text]:
        style = "" if watch.live else "dim"
        mark = "  " if watch.live else "? " if watch.loading else "! "
        name = line(mark + shortened(watch.label, self._name_width - len(mark)), style)
        texts = [column.text(watch) for column in self._columns]
        return [name, *(Text(text, style, justify="right") for text in texts)]

    def _head(self, watches: Sequence[ServerWatch]) -> list[Text]:
        live = [watch for watch in watches if watch.live]
        cells = [cell("servers", f"{len(live)} of {len(watches)} up", "bold")]
        for name in _SUMMED:
            figure = BY_NAME[name]
            values = [number_of(watch.reading.figures.get(name)) for watch in live]
            numbers = [number for number in values if number is not None]
            if numbers:
                cells.append(cell(figure.title, text_of(figure, exact_sum(numbers))))
        order = self._sorted_by or "server"
        cells.append(cell("sorted by", f"{order}{', reversed' if self._reversed else ''}"))
        width = self.app.size.width
        problems = [part for p in self._watch.problems for part in wrapped(line(f"! {p}"), width)]
        return [*flow(cells, width), *problems]

    def _order(self, watches: Sequence[ServerWatch]) -> list[ServerWatch]:
        """Return servers in order: largest first, and whose number is unknown last."""
        column = next((c for c in self._columns if c.title == self._sorted_by), None)
        if column is None or column.number is None:
            return sorted(watches, key=lambda watch: watch.label, reverse=self._reversed)
        numbers = {watch.label: column.number(watch) for watch in watches}
        numbered = [watch for watch in watches if numbers[watch.label] is not None]
        numbered.sort(key=lambda watch: numbers[watch.label] or 0.0, reverse=not self._reversed)
        return [*numbered, *(watch for watch in watches if numbers[watch.label] is None)]

    def action_sort(self) -> None:
        """Sort by the next column that has numbers."""
        titles = ["", *(column.title for column in self._columns if column.number)]
        place = titles.index(self._sorted_by) if self._sorted_by in titles else 0
        self._sorted_by = titles[(place + 1) % len(titles)]
        self.renew()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._reversed = not self._reversed
        self.renew()

    def on_data_table_row_selected(self, event: "DataTable.RowSelected") -> None:
        """Open a server."""
        opened = next((w for w in self._watch.watches if w.label == event.row_key.value), None)
        if opened is not None:
            self.app.push_screen(ServerScreen(self._watch, opened))
