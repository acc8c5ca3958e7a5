"""What a person sees of a sweep: a line per ended trial, and on a terminal a live table of those that run."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

log = logging.getLogger(__name__)


@dataclass
class Row:
    """A running trial. share: of its epochs that are done."""

    overrides: str
    began: float = field(default_factory=time.monotonic)
    interval: int = 0
    share: float = 0.0
    best: float | None = None

    def left_s(self) -> float | None:
        elapsed = time.monotonic() - self.began
        return elapsed * (1.0 - self.share) / self.share if self.share > 0 else None


class Board:
    """Told of what happens; draws only on a terminal. `goal_best` is the best value of the whole study."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        self.total, self.rows = total, dict[int, Row]()
        self.ended = 0
        self.goal_best: tuple[int, float] | None = None
        self.console = console or Console(stderr=True)
        self._live = Live(console=self.console, refresh_per_second=2, transient=True, get_renderable=self.table)

    def __enter__(self) -> "Board":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def started(self, number: int, overrides: str) -> None:
        self.rows[number] = Row(overrides)

    def reported(self, number: int, interval: int, share: float, best: float | None) -> None:
        row = self.rows[number]
        row.interval, row.share, row.best = interval, share, best

    def ended_with(self, number: int, words: str) -> None:
        """One line, with the trial's overrides and how long it took."""
        row = self.rows.pop(number, Row(""))
        self.ended += 1
        seconds = time.monotonic() - row.began
        self.say(f"trial {number} {words}  {seconds:.0f} s  {row.overrides}")

    def say(self, words: str) -> None:
        log.info("%s", words)

    def table(self) -> Table:
        head = f"{self.ended} of {self.total} trials ended"
        if self.goal_best is not None:
            head += f", best {self.goal_best[1]:.4f} of trial {self.goal_best[0]}"
        table = Table(title=head, title_justify="left")
        for column in ("trial", "interval", "best so far", "time left", "overrides"):
            table.add_column(column, overflow="fold")
        for number, row in sorted(self.rows.items()):
            left = row.left_s()
            table.add_row(
                str(number),
                str(row.interval),
                "" if row.best is None else f"{row.best:.4f}",
                "" if left is None else f"{left:.0f} s",
                row.overrides,
            )
        return table


def end_table(rows: list[Mapping[str, object]]) -> Table:
    """Trials as in trials.csv, the best first."""
    table = Table(title="trials", title_justify="left")
    filled = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
    names = [name for name in filled if name not in ("checkpoint", "reason")]
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        shown = [row.get(name) for name in names]
        table.add_row(
            *("" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value) for value in shown)
        )
    return table
