"""A rank that does not own the folder reads everything and writes nothing."""

from pathlib import Path

from lab.core.record.run_folder import RunFolder
from lab.training.ranks.read_only import ReadOnlyRun


def test_writers_do_nothing(tmp_path: Path) -> None:
    own = RunFolder(tmp_path)
    own.start(command="train")
    own.append_history({"epoch": 0, "step": 1, "val/loss": 1.0})
    (tmp_path / ".half.part").touch()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    run = ReadOnlyRun(tmp_path)
    run.start(command="other")
    run.update(status="failed", reason="x")
    run.append_history({"epoch": 1, "step": 2})
    run.cut_history(0)
    run.write_spec({"head": 1})
    run.write_calibration({})
    run.write_reference({})
    run.write_predictions({"row": [1]})
    run.remove_partial_files()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert run.read()["command"] == "train"
    assert len(run.history()) == 1
