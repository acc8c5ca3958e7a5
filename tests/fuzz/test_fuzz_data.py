"""A few broken data files of every kind; `make check-fuzz` tries thousands."""

from pathlib import Path

import data_files
import fuzz_data
import pytest


@pytest.mark.parametrize("kind", sorted(data_files.FILES))
def test_a_broken_file_is_read_or_refused_with_a_message(kind: str) -> None:
    faults: list[str] = []
    counts = fuzz_data.fuzz(kind, 12, 7, lambda fuzzed, error: faults.append(f"{fuzzed.faults}: {error!r}"))
    assert faults == []
    assert counts["sound"] + counts["refused"] + counts["failed in a line"] == counts.total() > 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notices.csv", data_files.as_text(data_files.text_rows(60)), data_files.TEXT),
        ("weather.csv", data_files.as_text(data_files.series_rows(320)), data_files.WINDOWS),
        ("weather.xlsx", data_files.as_xlsx(data_files.series_rows(320)), data_files.WINDOWS),
        ("Toy_TRAIN.ts", data_files.case_file(), data_files.CASES),
        ("questions.json", data_files.question_file(), data_files.QUESTIONS),
    ],
)
def test_the_unbroken_files_are_sound(name: str, content: bytes, words: tuple[str, ...], tmp_path: Path) -> None:
    """A fuzzer whose every file is refused for one reason would look at nothing else."""
    assert fuzz_data.outcome(data_files.Fuzzed(name, content, words, ()), tmp_path) == "sound"


def test_an_exception_that_is_no_refusal_counts_as_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fuzzed: data_files.Fuzzed, folder: Path) -> str:
        raise KeyError("oops")

    monkeypatch.setattr(fuzz_data, "outcome", broken)
    faults: list[BaseException] = []
    assert fuzz_data.fuzz("texts", 3, 7, lambda _, error: faults.append(error)) == {"fault": 3}
    assert [type(error) for error in faults] == [KeyError] * 3
