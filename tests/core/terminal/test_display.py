"""What people call their columns, classes and values is shown as it is; no display makes a failure of finished work."""

import ast
import io
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.terminal.display import Screen, StatusLine
from lab.core.terminal.streams import Formatter
from lab.core.terminal.tables import Column, Table
from lab.sweep.study.progress_table import ProgressTable, end_table
from lab.training.evaluation.result_table import outcome_table

ROOT = Path(__file__).parents[3]
ODD = ["kind [/old]", " [/x] ", "[x]", ":smile:", "[bold red]", "año [link=http://h]q", "\\[x", "100 %s {0}"]
CONTROL = ["a\x1b[2Jb", "a\rb", "bell\x07", "next\x85line", "csi\x9b2J", "turned\u202eback", "half\ud83d"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_module_alone_draws_and_prints() -> None:
    """rich reads markup in every string it is given, and `print` fails where the reader has left."""
    for path in [*(ROOT / "src").rglob("*.py"), ROOT / "train.py", ROOT / "report.py"]:
        if path.as_posix().endswith("core/terminal/display.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "rich" for name in names), f"{path}:{node.lineno} imports rich"
            assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path}:{node.lineno} prints"


def shown(make: Callable[[], Table], width: int | None = None) -> str:
    stream = io.StringIO()
    Screen(stream, width=width).show(make)
    return stream.getvalue()


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    scores = {f"{head}/accuracy": 0.5 for head in (name, "b")}
    assert name in shown(lambda: outcome_table(scores, {"majority": scores}, None, (name, "b")))
    row = {"trial": 0, "state": "completed", name: 0.25, "values": name}
    text = shown(lambda: end_table([row], name))
    assert text.count(name) == 2, "as a metric, as a value"


@pytest.mark.parametrize("name", ODD)
def test_the_live_table_shows_a_value_as_it_is(name: str) -> None:
    stream = Terminal()
    with ProgressTable(1, Screen(stream, width=200, terminal=True)) as board:
        board.started(0, name)
        board.tick()
    assert name in stream.getvalue()


@pytest.mark.parametrize("name", CONTROL)
def test_a_name_gives_the_terminal_no_orders(name: str) -> None:
    signs = set(name) & set("\x1b\r\x07\x85\x9b\u202e\ud83d")
    record = logging.LogRecord("lab", logging.INFO, "", 0, "column %s", (name,), None)
    texts = [
        shown(lambda: end_table([{"trial": 0, name: name}], name)),
        shown(lambda: Table([Column(name)], [(name,)], title=name, caption=name)),
        Formatter("%(message)s").format(record),
    ]
    for text in texts:
        assert not signs & set(text)
    line = Terminal()
    StatusLine(line).draw(name)
    assert not signs & set(line.getvalue()[1:])


LONG = "una_columna_con_un_nombre_muy_largo_de_verdad"


@pytest.mark.parametrize("head", [LONG, "名前" * 20, "x" * 300])
@pytest.mark.parametrize("width", [40, 60, 80])
def test_numbers_stand_whole_or_not_at_all(head: str, width: int) -> None:
    scores = {f"{name}/{score}": 0.125 for name in (head, "b") for score in ("accuracy", "f1_macro", "precision_macro")}
    compared = {"majority": scores, "persistence": scores, "logistic_lags_of_7_days": scores}
    text = shown(lambda: outcome_table(scores, compared, None, (head, "b")), width)
    row = next(line for line in text.splitlines() if line.startswith("b "))
    assert "…" not in text
    assert set(row.split()[1:]) <= {"0.125", "-"}
    lacking = " ".join(text.split()).partition("no room for ")[2]
    assert len(row.split()) - 1 + lacking.count(",") + 1 == 4 + 6
    assert "logistic lags of 7 days F1" in lacking
    assert lacking.endswith("see run.json")
    wide = shown(lambda: outcome_table(scores, compared, None, (head, "b")))
    assert head in wide, "a file has room"
    assert "no room" not in wide


class Broken(Terminal):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.times = error, 0

    def write(self, text: str) -> int:
        self.times += 1
        raise self.error


ERRORS = [BrokenPipeError(32, "Broken pipe"), UnicodeEncodeError("ascii", "ñ", 0, 1, "no"), OSError(5, "hung up")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_display_that_fails_is_noted_once_and_stays_off(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    stream, ended = Broken(error), []
    with ProgressTable(2, Screen(stream, width=80, terminal=True)) as board:
        for number in range(2):
            board.started(number, "seed=1")
            board._drawn = 0.0
            board.tick()
            board.finished(number, "completed", "completed")
            ended.append(number)
    assert ended == [0, 1]
    assert sum("the work continues" in message for message in caplog.messages) == 1

    def wrong() -> Table:
        raise KeyError("a fault in the making of a table")

    screen = Screen(io.StringIO())
    screen.show(wrong)
    screen.show(wrong)
    assert sum("KeyError" in message for message in caplog.messages) == 1
    line = StatusLine(Broken(error))
    line.draw("epoch 1/2")
    line.wipe()


def test_a_stop_from_outside_is_no_error_of_a_display() -> None:
    def stopped() -> Table:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Screen(io.StringIO()).show(stopped)


@pytest.fixture(scope="module")
def odd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two classes, one called like a closing tag, in a column called like one."""
    file = tmp_path_factory.mktemp("odd") / "avisos.csv"
    rows = [f"{'vibra el eje' if n % 2 else 'gotea el sello'} {n},{['[/x]', 'ñandú'][n % 2]}" for n in range(120)]
    file.write_text("texto,kind [/old]\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def arguments(file: Path) -> list[str]:
    return ["data=csv", f"data.path={file}", "data.text=[texto]", "data.labels=['kind [/old]']", "model=ngram",
            "trainer.max_epochs=1", "logger=[]", "callbacks.curves.png=false", "trainer.accelerator=cpu"]  # fmt: skip


@pytest.mark.parametrize(
    "streams",
    [
        "both closed",
        "full",
        "ascii",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("closed", "no reader", "latin-1")),
    ],
)
def test_a_finished_run_is_no_failure_whatever_reads_it(
    forked: Any, odd_file: Path, tmp_path: Path, streams: str
) -> None:
    done = forked("train.py", *arguments(odd_file), "hydra.run.dir=run", folder=tmp_path, streams=streams)
    assert done.code == 0, done.errors
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "completed"
    assert (tmp_path / "run" / "figures" / "confusion_kind___old_.png").exists()
    assert "Traceback" not in done.errors
    assert "Exception ignored" not in done.errors
    if streams in ("ascii", "latin-1"):
        assert "kind [/old]" in done.output


def test_a_study_with_values_like_markup_runs_on_a_terminal(odd_file: Path, tmp_path: Path) -> None:
    sweep = ["-m", "tags=[' [/x] '],[':smile:']", "hydra.sweep.dir=study", "sweep.study=null"]
    command = [sys.executable, str(ROOT / "train.py"), *arguments(odd_file), *sweep[:3]]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, cwd=tmp_path)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait(60) == 0, said.decode()
    records = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("**/run.json"))]
    assert [record["status"] for record in records] == ["completed"] * 2
    assert b"Traceback" not in said
    assert b"[/x]" in said
