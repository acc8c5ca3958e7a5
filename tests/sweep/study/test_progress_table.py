"""The live table and the final table on terminals of several widths."""

import io
import logging
import re
import sys
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from lab.core.terminal.display import Screen, drawn
from lab.core.terminal.tables import Table
from lab.sweep.study import progress_table as boards
from lab.sweep.study.progress_table import MAX_ROWS, ProgressTable, duration, end_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr(boards.time, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def shown(table: Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(drawn(table, width))
    return [line.rstrip() for line in captured.get().splitlines()]


def busy(width: int, clock: Callable[[float], None]) -> ProgressTable:
    """Two of nine trials ended before; one runs in its fifth of ten epochs, one is ending, one has just begun."""
    table = ProgressTable(9, Screen(io.StringIO(), width=width, terminal=True))
    table.begin(9, ["completed", "failed"])
    table.best_trial = (1, 0.8125)
    for number in (2, 3, 4):
        table.started(number, f"optimizer.lr=0.0001234 data.batch_size=32 model.dropout=0.{number}")
    clock(50)
    table.reported(2, 5, 0.5, 0.75)
    table.reported(3, 2, 0.2, 0.5)
    table.mark_ending(3)
    return table


def test_a_row_shows_trial_state_interval_best_and_time_left(clock: Callable[[float], None]) -> None:
    table = busy(120, clock)
    table.rows[2].before = 0.0
    lines = shown(table.table(), 120)
    assert re.search(r"trial . state +. interval . best so far . time left +. overrides", lines[2])
    assert re.search(r"2 +. running +. 5 +. 0.7500 +. 50 s +. optimizer.lr=0.0001234 data", lines[4])
    assert re.search(r"3 +. ending +. 2 +. 0.5000 ", lines[5])
    assert re.search(r"4 +. starting . +. +. +. opt", lines[6])
    head = " ".join(lines[:2])
    assert "2 of 9 trials ended (1 completed, 1 failed), best 0.8125 of trial 1, about" in head


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_narrow_terminal_loses_the_least_important_columns(clock: Callable[[float], None], width: int) -> None:
    table = busy(width, clock)
    lines = shown(table.table(), width)
    assert max(map(len, lines)) <= width
    header = next(line for line in lines if "trial" in line and "state" in line)
    assert ("interval" in header, "time left" in header, "overrides" in header) == {
        40: (True, False, False),
        60: (True, True, False),
        80: (True, True, True),
        100: (True, True, True),
    }[width]
    assert sum("running" in line for line in lines) == 1


def test_time_left_depends_on_the_progress_of_this_command(clock: Callable[[float], None]) -> None:
    table = ProgressTable(4)
    table.started(0, "")
    clock(10)
    table.reported(0, 5, 0.5, None)  # resumed: four of its ten epochs were done before
    assert table.rows[0].left_s() == pytest.approx(50)
    clock(5)
    assert table.rows[0].left_s() == pytest.approx(45)
    clock(-5)
    assert table.left_s() == pytest.approx(10 / 0.1 * 3.5)
    table.finished(0, "completed", "completed")
    assert table.left_s() == pytest.approx(30)


def test_it_is_drawn_in_place_without_a_thread_below_the_log(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    handler, root = logging.StreamHandler(terminal), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    caplog.set_level(logging.INFO)
    threads = threading.active_count()
    with ProgressTable(2, Screen(terminal, width=80, terminal=True)) as table:
        table.started(0, "seed=1")
        clock(1)
        table.reported(0, 1, 0.5, 0.25)
        table.tick()
        assert threading.active_count() == threads
        assert "running" in terminal.getvalue()
        table.tick()
        drawn = terminal.getvalue().count("running")
        clock(1)
        table.reported(0, 2, 1.0, 0.5)
        table.tick()
        assert terminal.getvalue().count("running") == drawn + 1
        assert "\x1b[1A" in terminal.getvalue()  # the cursor moves up to draw over the old table
        before = len(terminal.getvalue())
        table.finished(0, "completed", "completed  best val/f1 0.5000 at interval 2")
        after = terminal.getvalue()[before:]
        assert after.index("trial 0 completed  best val/f1 0.5000 at interval 2  2 s  seed=1") < after.index("state")
    assert handler.stream is terminal


def test_without_a_terminal_only_lines_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    out = io.StringIO()
    with caplog.at_level(logging.INFO), ProgressTable(1, Screen(out)) as table:
        table.started(0, "seed=1")
        table.tick()
        table.finished(0, "terminated", "terminated: bandit at interval 2")
    assert out.getvalue() == ""
    assert caplog.messages == ["trial 0 terminated: bandit at interval 2  0 s  seed=1"]


ROWS = [
    {"trial": 1, "state": "completed", "val/f1": 0.8125, "epoch": 2, "intervals": 4, "optimizer.lr": 0.00012345678,
     "data.batch_size": 16, "failure": None, "reason": "ran to its end", "checkpoint": "multirun/x"},
    {"trial": 0, "state": "failed", "val/f1": None, "epoch": None, "intervals": 0, "optimizer.lr": 0.001,
     "data.batch_size": 8, "failure": "oom", "reason": "out of memory", "checkpoint": None},
]  # fmt: skip


def test_the_last_table_counts_epochs_from_1_and_fits() -> None:
    lines = shown(end_table(ROWS, "val/f1"), 120)
    assert re.search(r"1 +. completed . 0.8125 . 3 +. 4 +. 0.00012346 +. 16", lines[4])
    assert "see trials.csv" not in " ".join(lines)
    lines = shown(end_table(ROWS, "val/f1"), 60)
    assert max(map(len, lines)) <= 60
    header = lines[2]
    assert "val/f1" in header
    assert "optimizer.lr" in header
    assert "epoch" not in header
    assert "no room for epoch, intervals" in " ".join(lines)


def test_the_last_table_of_a_large_study_shows_its_head_and_counts_the_rest() -> None:
    many = [ROWS[0] | {"trial": number} for number in range(5_000)]
    lines = shown(end_table(many, "val/f1"), 120)
    assert len(lines) < 2 * MAX_ROWS
    assert f"and {5_000 - MAX_ROWS} more in trials.csv" in " ".join(lines)
    lines = shown(end_table(many, "val/f1"), 60)
    assert "more in trials.csv" in " ".join(lines)
    assert "no room for epoch, intervals" in " ".join(lines)


def test_durations() -> None:
    assert [duration(12.4), duration(200), duration(7500)] == ["12 s", "3 min 20 s", "2 h 05 min"]
