"""The content of tables; `lab.core.terminal.display` draws them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """A column of a table. is_name: text of any length, which may be folded; other columns are shown whole or left
    out."""

    title: str
    right: bool = False
    bold: bool = False
    is_name: bool = False


@dataclass
class Table:
    """Plain text in columns. importance: titles in the order in which they get space; None: the order of the columns.

    more: where columns without space can be read (`run.json`); plain: a line under the head instead of a frame.
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
        """Append a row of cells."""
        assert len(cells) == len(self.columns), f"{len(cells)} cells in {len(self.columns)} columns"
        self.bold_rows |= {len(self.rows)} if bold else set()
        self.ends_of_sections |= {len(self.rows)} if ends_section else set()
        self.rows.append(cells)

    def texts(self, place: int) -> Iterator[str]:
        """Yield the title and the cells of a column."""
        yield self.columns[place].title
        yield from (row[place] for row in self.rows)
