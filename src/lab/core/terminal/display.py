"""Everything that is drawn on the terminal: tables, the live table of a sweep, the bar of an epoch.

Text of a person's data or config is shown literally: neither as markup nor as an emoji code, and with its control
characters escaped. An error of a display (a closed pipe, an encoding without the character, a fault in rich) does not
stop the work: it is logged once, and that display stays off. Only this module imports rich, when it draws.
"""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from lab.core.terminal.streams import escaped
from lab.core.terminal.tables import Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table as RichTable

log = logging.getLogger(__name__)
LEAST_NAME = 16
"""Least width of a folded column of long names; below it, another column is left out instead."""
_ASCII = str.maketrans("━╌…", "=-~")


def complain(text: str) -> None:
    """Write a block of lines, such as all mistakes of a request, to standard error."""
    Screen(error=True).write(escaped(text, keep="\n\t") + "\n")


def fitted(table: Table, width: int) -> tuple[list[int], int]:
    """Return the indices of the columns that fit into `width` cells, and the remaining cells."""
    between, edges = (2, -2) if table.plain else (3, 1)
    room, chosen = width - edges, list[int]()
    titles = [column.title for column in table.columns]
    for place in range(len(titles)) if table.importance is None else map(titles.index, table.importance):
        if (wide := _needed(table, place) + between) > room and chosen:
            break
        room -= wide
        chosen.append(place)
    return sorted(chosen), max(0, room)


def _needed(table: Table, place: int) -> int:
    """Return the least width of a column in terminal cells; a Chinese character takes two."""
    from rich.cells import cell_len

    texts = (escaped(text, keep="\n") for text in table.texts(place))
    widest = max(cell_len(line) for text in texts for line in text.split("\n"))
    return min(widest, LEAST_NAME) if table.columns[place].is_name else widest


class Screen:
    """Standard output or error (error=True), or `stream`; width and terminal replace the properties of the stream."""

    def __init__(
        self, stream: TextIO | None = None, error: bool = False, width: int | None = None, terminal: bool | None = None
    ) -> None:
        self._stream, self._error, self._width, self._terminal = stream, error, width, terminal
        self._off = False

    @property
    def stream(self) -> TextIO:
        """The stream that is drawn to."""
        return self._stream or (sys.stderr if self._error else sys.stdout)

    @property
    def is_terminal(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty() if self._terminal is None else self._terminal

    @property
    def width(self) -> int:
        """Cells of a line; for a file as many as any table needs."""
        if self._width is not None:
            return self._width
        return shutil.get_terminal_size().columns if self.is_terminal or "COLUMNS" in os.environ else 10_000

    def show(self, table: Callable[[], Table]) -> None:
        """Draw a table. table: makes it, so that an error in making it counts as an error of the display."""
        self.attempt(lambda: self._console().print(drawn(table(), self.width)))

    def write(self, text: str) -> None:
        """Write a text unchanged."""

        def write() -> None:
            self.stream.write(text)
            self.stream.flush()

        self.attempt(write)

    def attempt(self, draw: Callable[[], object], anyway: bool = False) -> None:
        """Draw, unless this display has failed before (anyway: even then). No Exception of it is passed on."""
        if self._off and not anyway:
            return
        try:
            draw()
        except Exception as error:  # noqa: BLE001  no error of a display may stop the work
            if not self._off:
                log.warning("nothing more is drawn here, the work continues: %s: %s", type(error).__name__, error)
            self._off = True

    def _console(self) -> "Console":
        from rich.console import Console

        class Failing(Console):
            def on_broken_pipe(self) -> None:
                raise  # rich would end the process with exit code 1

        return Failing(
            file=self.stream,
            width=self.width,
            force_terminal=self._terminal,
            markup=False,
            emoji=False,
            highlight=False,
        )

    @contextmanager
    def live(self, table: Callable[[], Table]) -> Iterator["LiveTable"]:
        """Draw a table that stays below the lines of the log; without a terminal, draw nothing."""
        shown = LiveTable(self, table)
        if self.is_terminal:
            self.attempt(shown.start)
        try:
            yield shown
        finally:
            shown.stop()


class LiveTable:
    """A table that is redrawn on request, without rich's thread, since trials are forked from this process."""

    def __init__(self, screen: Screen, table: Callable[[], Table]) -> None:
        self._screen, self._table = screen, table
        self._live: Live | None = None
        self._streams: dict[logging.StreamHandler[TextIO], TextIO] = {}

    def start(self) -> None:
        """Begin to draw."""
        from rich.live import Live

        def current() -> "RichTable":
            return drawn(self._table(), self._screen.width)

        console = self._screen._console()
        self._live = Live(console=console, auto_refresh=False, transient=True, get_renderable=current)
        self._live.start()
        # rich replaces the streams by its own, which write above the table.
        for handler in logging.getLogger().handlers:
            if type(handler) is logging.StreamHandler and getattr(handler.stream, "isatty", lambda: False)():
                self._streams[handler] = handler.setStream(sys.stderr) or sys.stderr

    def refresh(self) -> None:
        """Draw the table as it is now."""
        if self._live is not None:
            self._screen.attempt(self._live.refresh)

    def stop(self) -> None:
        """Draw once more and end."""
        live, self._live = self._live, None
        if live is not None:
            self._screen.attempt(live.stop, anyway=True)
        for handler, stream in self._streams.items():
            handler.setStream(stream)
        self._streams.clear()


class StatusLine:
    """One line of a terminal that is drawn over itself, and wiped before anything else is written."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._screen = Screen(stream)
        self._is_drawn = False

    @property
    def is_terminal(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._screen.is_terminal

    def draw(self, text: str) -> None:
        """Replace the line by a text."""
        width = shutil.get_terminal_size().columns - 1
        shown = escaped(text)[:width].ljust(width)
        if "utf" not in (getattr(self._screen.stream, "encoding", None) or "utf-8").lower():
            shown = shown.translate(_ASCII)
        self._screen.write("\r" + shown)
        self._is_drawn = True

    def wipe(self) -> None:
        """Remove the line."""
        if self._is_drawn:
            self._screen.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._is_drawn = False


def drawn(table: Table, width: int) -> "RichTable":
    """Return a table of rich for `width` cells; columns without space are named below it."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    chosen, _ = fitted(table, width)
    rest = [column.title.replace("\n", " ") for place, column in enumerate(table.columns) if place not in chosen]
    lacking = f"no room for {', '.join(rest)}" + (f": see {table.more}" if table.more else "") if rest else ""
    notes = [escaped(note, keep="\n") for note in (table.caption, lacking) if note]
    shown = RichTable(
        title=Text(escaped(table.title)) if table.title else None,
        title_justify="left",
        caption=Text("\n".join(notes)) if notes else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD if table.plain else box.HEAVY_HEAD,
        show_edge=not table.plain,
        pad_edge=not table.plain,
        collapse_padding=table.plain,
    )
    for column in (table.columns[place] for place in chosen):
        shown.add_column(
            Text(escaped(column.title, keep="\n")),
            justify="right" if column.right else "left",
            style="bold" if column.bold else "",
            overflow="fold",
            no_wrap=not column.is_name,
        )
    for number, row in enumerate(table.rows):
        cells = [Text(escaped(row[place]), overflow="fold") for place in chosen]
        style = "bold" if number in table.bold_rows else None
        shown.add_row(*cells, style=style, end_section=number in table.ends_of_sections)
    return shown
