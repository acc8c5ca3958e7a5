import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from lab.core.files import Unreadable
from lab.core.locks import sole
from lab.core.record.run_folder import UNENDED, RunFolder, plain


def started(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    run.start(command="python train.py", seed=1, metrics={})
    return run


WORKING = """
import sys, time
from pathlib import Path
from lab.core.locks import sole
from lab.core.record.run_folder import RunFolder
run = RunFolder(Path(sys.argv[1]))
with sole(run.lock):
    run.start(seed=1)
    run.update(git_commit="abc")
    print("started", flush=True)
    time.sleep(600)
"""


def test_a_run_is_running_while_its_process_lives_and_interrupted_once_it_was_killed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with subprocess.Popen([sys.executable, "-c", WORKING, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        record = run.read()
        assert (record["status"], record["reason"], record["git_commit"]) == ("running", None, "abc")
        process.kill()
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "running"
    record = run.read()
    assert (record["status"], record["reason"], record["failure"]) == ("interrupted", UNENDED, None)


def test_an_update_does_not_change_the_status_of_a_run_without_a_lock(tmp_path: Path) -> None:
    """As on a file system without locks, where a live run is read as interrupted."""
    run = started(tmp_path)
    run.update(seed=2)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "running"
    assert run.read()["status"] == "interrupted"


def test_an_interrupted_run_of_before_is_read_as_it_is(tmp_path: Path) -> None:
    run, reason = RunFolder(tmp_path), "no end was recorded: the process is still running, or it was killed"
    run.start(status="interrupted", reason=reason)
    with sole(run.lock):
        assert (run.read()["status"], run.read()["reason"]) == ("interrupted", reason)


def test_update_replaces_fields_and_refuses_unknown_ones(tmp_path: Path) -> None:
    run = started(tmp_path)
    run.update(status="completed", reason="all epochs done")
    assert run.read()["command"] == "python train.py"
    assert run.read()["status"] == "completed"
    with pytest.raises(ValueError, match="no field speed"):
        run.update(speed=1)
    with pytest.raises(ValueError, match="'done' is none of"):
        run.update(status="done")


def test_numbers_of_other_libraries_become_plain_and_nan_becomes_null() -> None:
    import torch

    values = {"a": np.float32(0.5), "b": torch.tensor(2), "c": math.nan, "d": [math.inf, Path("x")], 3: (np.int64(4),)}
    assert plain(values) == {"a": 0.5, "b": 2, "c": None, "d": [None, "x"], "3": [4]}


def test_history_survives_a_torn_line_and_is_cut_on_resume(tmp_path: Path) -> None:
    run = started(tmp_path)
    for step in (10, 20, 30):
        run.append_history({"epoch": step // 10 - 1, "step": step, "val/loss": 1 / step})
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 3, "st')
    assert [row["step"] for row in run.history()] == [10, 20, 30]
    run.cut_history(20)
    run.append_history({"epoch": 2, "step": 30})
    assert [row["step"] for row in run.history()] == [10, 20, 30]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("5", "line 2: holds a number, not a mapping"),
        ("{}", "line 2: it has no epoch"),
        ('{"epoch": 1, "step": "x"}', "line 2: step is not a whole number from 0 on"),
        ('{"epoch": true, "step": 2}', "line 2: epoch is not a whole number from -1 on"),
        ('{"epoch": 1, "step": -2}', "line 2: step is not a whole number from 0 on"),
        ('{"epoch": 1, "step": 2, "val/loss": "low"}', "line 2: val/loss is not a finite number"),
        ('{"epoch": 1, "step": 2, "val/loss": 1e999}', "line 2: val/loss is not a finite number"),
        ('{"epoch": 1, "step": 2, "val/loss": [1]}', "line 2: val/loss is not a finite number"),
    ],
)
def test_a_line_that_is_no_row_is_named(line: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(f'{{"epoch": 0, "step": 1}}\n{line}\n{{"epoch": 2, "step": 3}}\n')
    with pytest.raises(Unreadable, match=reason):
        RunFolder(tmp_path).history()


@pytest.mark.parametrize("name", ["kind\u0085old", "a\u2028b", "a\u2029b", "a\x0bb", "a\x1cb"])
def test_a_name_with_a_line_end_of_unicode_keeps_the_history(name: str, tmp_path: Path) -> None:
    run = started(tmp_path)
    for step in (10, 20):
        run.append_history({"epoch": step // 10 - 1, "step": step, f"val/{name}/f1_macro": 0.5})
    run.cut_history(10)
    assert run.history() == [{"epoch": 0, "step": 10, f"val/{name}/f1_macro": 0.5}]


def test_predictions_keep_their_order(tmp_path: Path) -> None:
    run = started(tmp_path)
    run.write_predictions({"row": [3, 1, 2], "causa": ["x", None, "y"], "causa_probabilities": [[0.1, 0.9]] * 3})
    table = pyarrow.parquet.read_table(run.predictions).to_pydict()
    assert table["row"] == [3, 1, 2]
    assert table["causa"] == ["x", None, "y"]
    assert table["causa_probabilities"][0] == [0.1, 0.9]


def test_run_json_is_json_that_any_reader_takes(tmp_path: Path) -> None:
    run = started(tmp_path)
    run.update(metrics={"test": {"auc": math.nan}})
    assert json.loads((tmp_path / "run.json").read_text())["metrics"]["test"]["auc"] is None
