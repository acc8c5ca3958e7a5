"""Everything that is drawn on the terminal: tables, the live table of a sweep, the bar of an epoch. Alone imports rich.

Text of a person's data or config (a column's name, a value of a study) is shown as it is: it is neither markup nor an
emoji code, and its control characters are escaped, so that a name can neither colour, clear nor move anything. No
error of a display (a closed pipe, an encoding without the sign, a fault in rich) reaches the work that it shows: it is
logged once, and that display stays off. rich is imported when something is drawn.
"""

import atexit
import io
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table as RichTable

log = logging.getLogger(__name__)
LEAST_NAME = 16
"""Characters of a line that a column of long names keeps, folded, before another column gives way."""
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, ends of lines, signs that turn the direction of writing, halves of a character."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ASCII = str.maketrans("━╌…", "=-~")


def escaped(text: str, keep: str = "") -> str:
    """`text` without a character that a terminal obeys instead of showing it; those in `keep` stay.

    >>> escaped("kind \\x1b[2J")
    'kind \\\\x1b[2J'
    """

    def named(found: re.Match[str]) -> str:
        sign, code = found[0], ord(found[0])
        return sign if sign in keep else _SHORT.get(sign) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")

    return _UNSEEN.sub(named, text)


class Formatter(logging.Formatter):
    """Of every line of the log, on the terminal and in train.log: see `escaped`. Our own ends of lines stay."""

    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record), keep="\n\t")


def settle() -> None:
    """Let no write to standard output or error fail for want of a character, of the stream or of its reader."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: what is opened next would take its number
            _to_nowhere(number)
            stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    atexit.register(_let_go)


def _let_go() -> None:
    """A reader that has left (`| head`) makes no failure of a command that is done."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            _to_nowhere(number)


def _to_nowhere(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)


def complain(text: str) -> None:
    """A block of lines on standard error, such as all mistakes of a request."""
    Screen(error=True).write(escaped(text, keep="\n\t") + "\n")


@dataclass(frozen=True)
class Column:
    """is_name: text of any length, folded where it has no room; others stand whole or not at all."""

    title: str
    right: bool = False
    bold: bool = False
    is_name: bool = False


@dataclass
class Table:
    """Plain text in columns. importance: titles in the order in which they get room, None for the columns' own.

    more: where the columns are that had no room (`run.json`); plain: a line under the head instead of a frame.
    """

    columns: list[Column] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    title: str = ""
    caption: str = ""
    more: str = ""
    plain: bool = False
    importance: Sequence[str] | None = None
    bold_rows: set[int] = field(default_factory=set)
    ends_of_sections: set[int] = field(default_factory=set)

    def add_row(self, *cells: str, bold: bool = False, ends_section: bool = False) -> None:
        assert len(cells) == len(self.columns), f"{len(cells)} cells in {len(self.columns)} columns"
        self.bold_rows |= {len(self.rows)} if bold else set()
        self.ends_of_sections |= {len(self.rows)} if ends_section else set()
        self.rows.append(cells)

    def needed(self, place: int) -> int:
        """Cells of a terminal that a column takes whole; one of names at least."""
        column = self.columns[place]
        widest = max(_cells(line) for text in self._texts(place) for line in escaped(text, keep="\n").split("\n"))
        return min(widest, LEAST_NAME) if column.is_name else widest

    def fitted(self, width: int) -> tuple[list[int], int]:
        """Places of the columns that fit into `width`, and the room that is left."""
        between, edges = (2, 0) if self.plain else (3, 1)
        room, chosen = width - edges + (2 if self.plain else 0), list[int]()
        order = range(len(self.columns))
        if self.importance is not None:
            titles = [column.title for column in self.columns]
            order = sorted(order, key=lambda place: list(self.importance or ()).index(titles[place]))  # type: ignore[assignment]
        for place in order:
            if (wide := self.needed(place) + between) > room and chosen:
                break
            room -= wide
            chosen.append(place)
        return sorted(chosen), max(0, room)

    def _texts(self, place: int) -> Iterator[str]:
        yield self.columns[place].title
        yield from (row[place] for row in self.rows)


class Screen:
    """Standard output or error (error=True), or `stream`. width and terminal: instead of what the stream has."""

    def __init__(
        self, stream: TextIO | None = None, error: bool = False, width: int | None = None, terminal: bool | None = None
    ) -> None:
        self._stream, self._error, self._width, self._terminal = stream, error, width, terminal
        self._off = False

    @property
    def stream(self) -> TextIO:
        return self._stream or (sys.stderr if self._error else sys.stdout)

    @property
    def is_terminal(self) -> bool:
        return self.stream.isatty() if self._terminal is None else self._terminal

    @property
    def width(self) -> int:
        """Cells of a line; a file has as many as a table needs."""
        if self._width is not None:
            return self._width
        return shutil.get_terminal_size().columns if self.is_terminal or "COLUMNS" in os.environ else 10_000

    def show(self, table: Callable[[], Table]) -> None:
        """table: makes what is shown, so that a fault in the making is one of the display too."""
        self.attempt(lambda: self._console().print(drawn(table(), self.width)))

    def write(self, text: str) -> None:
        def write() -> None:
            self.stream.write(text)
            self.stream.flush()

        self.attempt(write)

    def attempt(self, draw: Callable[[], object], anyway: bool = False) -> None:
        """Draw, unless this display has failed before; anyway: even then. Only a stop from outside gets through."""
        if self._off and not anyway:
            return
        try:
            draw()
        except Exception as error:  # noqa: BLE001  whatever went wrong with a picture of the work, the work goes on
            if not self._off:
                log.warning("nothing more is shown here, the work goes on: %s: %s", type(error).__name__, error)
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
        """A table that is drawn over itself while lines of the log go above it; nothing without a terminal."""
        shown = LiveTable(self, table)
        if self.is_terminal:
            self.attempt(shown.start)
        try:
            yield shown
        finally:
            shown.stop()


class LiveTable:
    """Drawn when asked to, without rich's thread: trials are forked from this process."""

    def __init__(self, screen: Screen, table: Callable[[], Table]) -> None:
        self._screen, self._table = screen, table
        self._live: Live | None = None
        self._streams: dict[logging.StreamHandler[TextIO], TextIO] = {}

    def start(self) -> None:
        from rich.live import Live

        def current() -> "RichTable":
            return drawn(self._table(), self._screen.width)

        console = self._screen._console()
        self._live = Live(console=console, auto_refresh=False, transient=True, get_renderable=current)
        self._live.start()
        # rich puts streams in place of the old ones, which write above the table.
        for handler in logging.getLogger().handlers:
            if type(handler) is logging.StreamHandler and getattr(handler.stream, "isatty", lambda: False)():
                self._streams[handler] = handler.setStream(sys.stderr) or sys.stderr

    def refresh(self) -> None:
        if self._live is not None:
            self._screen.attempt(self._live.refresh)

    def stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            self._screen.attempt(live.stop, anyway=True)
        for handler, stream in self._streams.items():
            handler.setStream(stream)
        self._streams.clear()


class StatusLine:
    """One line of standard output, drawn over itself and wiped before anything else is said. Terminals only."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._screen = Screen(stream)
        self._is_drawn = False

    @property
    def is_terminal(self) -> bool:
        return self._screen.is_terminal

    def draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        shown = escaped(text)[:width].ljust(width)
        if "utf" not in (getattr(self._screen.stream, "encoding", None) or "utf-8").lower():
            shown = shown.translate(_ASCII)
        self._screen.write("\r" + shown)
        self._is_drawn = True

    def wipe(self) -> None:
        if self._is_drawn:
            self._screen.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._is_drawn = False


def drawn(table: Table, width: int) -> "RichTable":
    """As rich draws it in `width` cells; what has no room is named below."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    chosen, _ = table.fitted(width)
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


def _cells(text: str) -> int:
    """Cells that a line takes: a Chinese character two, an accent of its own none."""
    from rich.cells import cell_len

    return cell_len(text)
