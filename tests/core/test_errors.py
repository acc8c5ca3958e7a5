"""Mistakes in words."""

from pathlib import Path

import pytest

from lab.core.errors import Mistake, missing_file


def test_a_long_value_is_reported_by_both_its_ends() -> None:
    reported = str(Mistake("data.test", "is data.val as well", value=f"/{'folder/' * 40}held.csv"))
    assert reported.startswith("data.test=/folder/")
    assert reported.endswith("/held.csv: is data.val as well")
    assert len(reported) < 120
    assert str(Mistake("data.test", "is gone", value="held.csv")) == "data.test=held.csv: is gone"


def test_a_switch_is_shown_as_it_is_typed() -> None:
    assert str(Mistake("explain", "needs a package", value=True)) == "explain=true: needs a package"


def test_a_missing_file_is_answered_with_the_most_similar_one_that_fits(tmp_path: Path) -> None:
    for name in ("nuevos.csv", "horas.csv", "nuevo.doc"):
        (tmp_path / name).write_text("t")

    def remedy(name: str) -> str | None:
        missing = missing_file("input", tmp_path / name, lambda path: path.suffix in (".csv", ".doc"), "table")
        return None if missing is None else missing.remedy.removeprefix(f"input={tmp_path}/")

    assert [remedy(name) for name in ("nuevos.tsv", "nuevo.csv", "x.csv", "horas.csv")] == [
        "nuevos.csv", "nuevo.doc", "horas.csv", None,
    ]  # fmt: skip


def test_a_missing_folder_is_answered_with_the_file_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("t")
    missing = missing_file("input", Path("data/a.csv"), lambda _: True, "table")
    assert missing is not None
    assert (missing.problem, missing.remedy) == ("no such folder", "input=a.csv")
    (tmp_path / "sub").mkdir()
    empty = missing_file("input", tmp_path / "sub" / "a.csv", lambda _: True, "table")
    assert empty is not None
    assert empty.problem.endswith("sub has no table")
