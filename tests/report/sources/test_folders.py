from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.report.sources.folders import find_folders, join_folders


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["runs=a"], ["runs=['a']"]),
        (["runs=a,b/c"], ["runs=['a','b/c']"]),
        (["lang=es", "runs=a", "b", "c d", "--cfg", "job"], ["lang=es", "runs=['a','b','c d']", "--cfg", "job"]),
        (["runs=a", "top_k=3", "runs=b"], ["runs=['a','b']", "top_k=3"]),
        (["runs=it's=odd"], ["runs=['it\\'s=odd']"]),
        (["runs=[a,b]"], ["runs=[a,b]"]),
        (["--help"], ["--help"]),
        (["runs=2026-11-22/10-00-00"], ["runs=['2026-11-22/10-00-00']"]),
    ],
)  # fmt: skip
def test_folders_as_a_shell_hands_them_over(typed: list[str], expected: list[str]) -> None:
    assert join_folders(["report.py", *typed]) == ["report.py", *expected]


def test_patterns_are_opened_and_a_record_stands_for_its_folder(tmp_path: Path) -> None:
    for name in ("a1", "a2", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "run.json").write_text("{}")
    folders = find_folders([str(tmp_path / "a*"), str(tmp_path / "b" / "run.json")])
    assert [path.name for path in folders] == ["a1", "a2", "b"]


def test_every_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError) as caught:
        find_folders([str(tmp_path / "x"), str(tmp_path), str(tmp_path / "y*"), str(tmp_path / "file")])
    assert [mistake.problem for mistake in caught.value.mistakes] == [
        "there is no such folder", "there is no such folder", "is a file, not a folder",
    ]  # fmt: skip
