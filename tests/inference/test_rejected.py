"""Rows without a prediction are listed once, also over several commands on one output."""

from pathlib import Path

from lab.inference.inputs.interface import NewRow
from lab.inference.rejected import SHOWN, Rejected

ROW = NewRow({}, "new.csv", 7, "is not utf-8")


def listed(output: Path) -> list[str]:
    return output.with_name(f"{output.name}.rejected.csv").read_text().splitlines()


def test_nothing_is_written_without_such_a_row(tmp_path: Path) -> None:
    rejected = Rejected(str(tmp_path / "p.csv"))
    rejected.close(keep=True)
    assert list(tmp_path.iterdir()) == []
    assert rejected.summary(0) is None


def test_a_resumed_command_appends_what_is_new(tmp_path: Path) -> None:
    output = tmp_path / "p.csv"
    for rows in ([ROW], [ROW, NewRow({}, "new.csv", 9)]):
        rejected = Rejected(str(output))
        for row in rows:
            rejected.add(row, "has no text")
        rejected.close(keep=True)
    assert listed(output) == ["file,row,reason", "new.csv,7,has no text", "new.csv,9,has no text"]
    assert str(rejected.summary(9)).startswith("2 of 9 rows have no prediction")


def test_an_abandoned_command_removes_its_own_file_only(tmp_path: Path) -> None:
    output = tmp_path / "p.csv"
    first = Rejected(str(output))
    first.add(ROW, "has no text")
    first.close(keep=False)
    assert list(tmp_path.iterdir()) == []
    kept = Rejected(str(output))
    kept.add(ROW, "has no text")
    kept.close(keep=True)
    later = Rejected(str(output))
    later.add(NewRow({}, "new.csv", 8), "has no text")
    later.close(keep=False)
    assert listed(output)[1] == "new.csv,7,has no text"


def test_standard_output_has_no_side_file(tmp_path: Path, caplog: object) -> None:
    rejected = Rejected("-")
    for number in range(SHOWN + 3):
        rejected.add(NewRow({}, "-", number), "has no text")
    assert rejected.summary(20) == f"{SHOWN + 3} of 20 rows have no prediction and keep their places with empty cells"


def test_a_resumed_output_counts_the_rows_of_its_earlier_commands(tmp_path: Path) -> None:
    output = tmp_path / "p.csv"
    first = Rejected(str(output))
    first.add(ROW, "has no text")
    first.close(keep=True)
    later = Rejected(str(output), resumes=True)
    assert (later.total, later.num) == (1, 0)
    later.add(ROW, "has no text")  # the row was listed, and its line of the output was lost in a kill
    later.add(NewRow({}, "new.csv", 9), "has no text")
    later.close(keep=True)
    assert (later.total, later.num) == (2, 2)
    assert Rejected(str(output)).total == 0, "an output that begins anew"
