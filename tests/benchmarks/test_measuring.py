"""How benchmarks take turns, divide and judge; and what they say of a process that fails."""

import json
from pathlib import Path

import pytest

from benchmarks.harness import measuring


def test_a_ratio_is_taken_inside_each_turn() -> None:
    rows = {
        "lab": [{"fit_s": 1.0}, {"fit_s": 10.0}, {"fit_s": 2.0}],
        "peer": [{"fit_s": 2.0}, {"fit_s": 30.0}, {"fit_s": 2.0}],
    }
    assert measuring.faster(rows, "lab", "peer", "fit_s") == measuring.Spread(2.0, 1.0, 3.0)


def test_of_a_rate_more_is_faster() -> None:
    rows = {"lab": [{"samples_per_s": 30.0}], "peer": [{"samples_per_s": 20.0}]}
    assert measuring.faster(rows, "lab", "peer", "samples_per_s").median == 1.5


def test_the_rate_over_equal_epochs_is_the_harmonic_mean() -> None:
    assert measuring.harmonic_mean([10.0, 30.0]) == pytest.approx(15.0)


def test_contestants_take_turns() -> None:
    order: list[tuple[str, int]] = []

    def noted(name: str) -> measuring.Row:
        return {"wall_s": float(len(order))}

    def contestant(name: str):  # type: ignore[no-untyped-def]
        return lambda turn: (order.append((name, turn)), noted(name))[1]

    rows = measuring.interleaved({"a": contestant("a"), "b": contestant("b")}, 2)
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert [row["wall_s"] for row in rows["b"]] == [2.0, 4.0]


@pytest.mark.parametrize(("value", "word"), [(0.97, "met"), (0.96, "MISSED")])
def test_a_verdict_says_whether_the_target_is_met(value: float, word: str) -> None:
    assert measuring.verdict("speed", value, 0.97).endswith(word)


def test_a_process_is_measured(tmp_path: Path) -> None:
    row = measuring.process(["-c", "bytearray(2**28)"], tmp_path, tmp_path / "said.txt")
    assert row["peak_rss_gib"] > 0.25
    assert row["wall_s"] > 0


def test_a_process_that_fails_says_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"ended with 3(.|\n)*out of luck"):
        measuring.process(["-c", "print('out of luck'); raise SystemExit(3)"], tmp_path, tmp_path / "said.txt")


def test_quick_numbers_go_to_no_file_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path / "committed")
    for words in (["--quick"], ["--quick", "--results", str(tmp_path / "requested")]):
        monkeypatch.setattr("sys.argv", ["speed.py", *words])
        requested = measuring.arguments(measuring.parser("Doc.", repeats=5))
        assert requested.repeats == 1
        measuring.write("speed", requested, "a machine", {"ratio": measuring.Spread(1.0, 1.0, 1.0)})
    assert not (tmp_path / "committed").exists()
    result = json.loads((tmp_path / "requested" / "speed.json").read_text())
    assert result["machine"] == "a machine"
    assert result["ratio"]["median"] == 1.0
