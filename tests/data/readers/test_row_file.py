"""What every format of a file of rows has unless it says otherwise."""

from collections.abc import Mapping
from pathlib import Path

from lab.data.readers.row_file import FileSettings, RowFile


class Lines(RowFile):
    read_settings = ("encoding",)

    def head(self, num: int) -> dict[str, list[str | None]]:
        return {"notice": [""] * num}

    def write_rows(self, target: Path) -> Mapping[str, Mapping[str, int]]:
        target.touch()
        return {}


def test_a_file_that_cannot_be_read_is_blamed_by_the_key_that_named_it() -> None:
    file = Lines(Path("notices.txt"), "data.train", FileSettings())
    mistake = file.explain("no header")
    assert (mistake.key, mistake.problem, mistake.value) == ("data.train", "cannot be read: no header", file.path)
    assert file.repeated == ()
