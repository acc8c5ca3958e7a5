"""A few fuzzed command lines; `fuzz_requests.py` tries thousands."""

import fuzz_requests
import pytest
from request_lines import Line


def test_a_fuzzed_line_is_sound_or_refused_with_a_message() -> None:
    faults: list[str] = []
    counts = fuzz_requests.fuzz(30, 11, lambda line, error: faults.append(f"{line}: {error!r}"))
    assert faults == []
    assert counts["refused"] > counts["sound"] > 0


def test_an_exception_that_is_no_refusal_counts_as_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(line: Line) -> str:
        raise KeyError(line)

    monkeypatch.setattr(fuzz_requests, "outcome", broken)
    faults: list[BaseException] = []
    assert fuzz_requests.fuzz(3, 7, lambda _, error: faults.append(error)) == {"fault": 3}
    assert [type(error) for error in faults] == [KeyError] * 3
