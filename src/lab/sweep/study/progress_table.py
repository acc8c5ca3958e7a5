"""A sweep's progress: one log line per ended trial and, on a terminal, a live table of the running trials.

The table is drawn when `tick` is called, without a thread: trials are forked from this process, and a fork may inherit
a lock that another thread holds. On a narrow terminal the least important columns are left out.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from lab.core.terminal.display import LiveTable, Screen, fitted
from lab.core.terminal.tables import Column, Table

log = logging.getLogger(__name__)
REDRAW_S = 0.25
MIN_OVERRIDES_WIDTH = 20
"""Overrides are shown if at least this many characters are free."""
MAX_ROWS = 30
"""Rows of the final table, about two screens; 5,000 rows would take seconds to lay out."""
HIDDEN_COLUMNS = ("checkpoint", "reason")
"""Columns of trials.csv that are too long for a table."""


@dataclass
class TrialProgress:
    """A running trial. share: finished share of its epochs; before: that share when this command started the trial."""

    overrides: str
    state: str = "starting"
    began: float = field(default_factory=lambda: time.monotonic())
    reported_at: float = 0.0
    interval: int = 0
    share: float = 0.0
    before: float = 0.0
    best: float | None = None

    def left_s(self) -> float | None:
        """Return the seconds left of its epochs, at the pace up to its last report; None before there is one."""
        done = self.share - self.before
        if done <= 0:
            return None
        left = (self.reported_at - self.began) * (1.0 - self.share) / done
        return max(0.0, left - (time.monotonic() - self.reported_at))


class ProgressTable:
    """Receives what happens and draws it on a terminal. best_trial: the best (trial, value) of the whole study."""

    def __init__(self, total: int, screen: Screen | None = None) -> None:
        self.screen = screen or Screen(error=True)
        self.best_trial: tuple[int, float] | None = None
        self._open, self._drawn = ExitStack(), 0.0
        self._live: LiveTable | None = None
        self.begin(total)

    def begin(self, total: int, ended: Sequence[str] = ()) -> None:
        """Begin a part of the sweep with `total` trials. ended: statuses of those that ended before."""
        self.total, self.rows, self.states = total, dict[int, TrialProgress](), Counter(ended)
        self.before, self.began = len(ended), time.monotonic()

    @property
    def num_ended(self) -> int:
        """The number of trials that have ended."""
        return self.states.total()

    def __enter__(self) -> "ProgressTable":
        self._live = self._open.enter_context(self.screen.live(self.table))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def tick(self) -> None:
        """Draw the table again if it is due; to be called several times a second."""
        if self._live is not None and time.monotonic() - self._drawn > REDRAW_S:
            self._drawn = time.monotonic()
            self._live.refresh()

    def started(self, number: int, overrides: str) -> None:
        """Show a trial that has started."""
        self.rows[number] = TrialProgress(overrides)

    def reported(self, number: int, interval: int, share: float, best: float | None) -> None:
        """Show a trial's report. share: finished share of its epochs; best: its best value so far."""
        row = self.rows[number]
        if row.state == "starting":
            row.state, row.before = "running", share * (interval - 1) / interval
        row.reported_at, row.interval, row.share, row.best = time.monotonic(), interval, share, best

    def mark_ending(self, number: int) -> None:
        """Show that a policy ends the trial, which still tests its best checkpoint and closes."""
        self.rows[number].state = "ending"

    def interrupted(self, number: int, words: str) -> None:
        """Log that a trial was interrupted."""
        self.rows.pop(number, None)
        self.log(f"trial {number} was interrupted: {words}")

    def finished(self, number: int, status: str, words: str) -> None:
        """Log the end of a trial with its overrides and how long it took."""
        row = self.rows.pop(number, TrialProgress(""))
        self.states[status] += 1
        self.log(f"trial {number} {words}  {duration(time.monotonic() - row.began)}  {row.overrides}")

    def log(self, words: str) -> None:
        """Log a line."""
        log.info("%s", words)

    def left_s(self) -> float | None:
        """Return the seconds left at the pace since this command began; None before the first report."""
        done = self.num_ended - self.before + sum(row.share - row.before for row in self.rows.values())
        rest = self.total - self.num_ended - sum(row.share for row in self.rows.values())
        return (time.monotonic() - self.began) * max(0.0, rest) / done if done > 0 else None

    def table(self) -> Table:
        """Return the table of the running trials."""
        rows = sorted(self.rows.items())
        columns = {
            "trial": [str(number) for number, _ in rows],
            "state": [row.state for _, row in rows],
            "interval": [str(row.interval or "") for _, row in rows],
            "best so far": ["" if row.best is None else f"{row.best:.4f}" for _, row in rows],
            "time left": ["" if (left := row.left_s()) is None else duration(left) for _, row in rows],
        }
        table = _table(columns, self._head())
        texts = [row.overrides for _, row in rows]
        _, room = fitted(table, self.screen.width)
        if room >= MIN_OVERRIDES_WIDTH:
            columns["overrides"] = [_cut(text, room - 3) for text in texts]
            table = _table(columns, self._head())
        return table

    def _head(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.states.items())
        head = f"{self.num_ended} of {self.total} trials ended" + (f" ({counts})" if counts else "")
        if self.best_trial is not None:
            head += f", best {self.best_trial[1]:.4f} of trial {self.best_trial[0]}"
        left = self.left_s()
        return head if left is None else f"{head}, about {duration(left)} left"


def end_table(rows: Sequence[Mapping[str, object]], metric: str) -> Table:
    """Return the first MAX_ROWS rows of trials.csv as a table; epochs count from 1. A caption counts the others."""
    more, rows = len(rows) - MAX_ROWS, rows[:MAX_ROWS]
    filled = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
    names = [name for name in filled if name not in HIDDEN_COLUMNS]
    columns = {name: [_shown(name, row.get(name)) for row in rows] for name in names}
    first = [name for name in ("trial", metric, "state") if name in columns]
    last = [name for name in ("failure", "epoch", "intervals") if name in columns]
    searched = [name for name in names if name not in {*first, *last}]
    table = _table(columns, "trials")
    table.importance = [*first, *searched, *last]
    table.caption = f"and {more} more in trials.csv" if more > 0 else ""
    return table


def duration(seconds: float) -> str:
    """Return a duration in words: 12 s, 3 min 20 s, 2 h 05 min."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    return f"{total // 60} min {total % 60:02} s" if total < 3600 else f"{total // 3600} h {total % 3600 // 60:02} min"


def _table(columns: Mapping[str, Sequence[str]], title: str) -> Table:
    rows = list(zip(*columns.values(), strict=True))
    return Table([Column(name) for name in columns], rows, title, more="trials.csv")


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    if name == "epoch":
        return str(int(str(value)) + 1)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
