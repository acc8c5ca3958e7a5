"""Every predictor gives the calibrated probabilities of its run, and the classes and answers that it gave without."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.inference.predict import Done

from .conftest import decided, read_csv, text_rows, write_csv, write_weather

PredictWith = Callable[..., Done]
Trained = Callable[[str], Path]


def inputs(name: str, place: Path) -> Path:
    if name == "series":
        return write_weather(place / "new.csv", hours=100)
    if name == "questions":
        pairs = [(f"Which part leaked {n}?", f"On day {n} the pump leaked. The seal was new.") for n in range(8)]
        return write_csv(place / "new.csv", [("question", "context"), *pairs])
    return write_csv(place / "new.csv", [("title", "text"), *(row[:2] for row in text_rows(8))])


def copied(run: Path, place: Path) -> Path:
    return Path(shutil.copytree(run, place / "copy"))


@pytest.mark.parametrize("name", ["ngram", "series", "questions"])
def test_probabilities_are_those_of_the_temperature_and_classes_stay(
    predict_with: PredictWith, trained: Trained, tmp_path: Path, name: str
) -> None:
    run, new = copied(trained(name), tmp_path), inputs(name, tmp_path)
    content = RunFolder(run).read_calibration()
    assert content is not None
    assert RunFolder(run).read()["calibration"] == content["scores"]
    assert set(content["scores"]["val"]) == set(content["temperatures"])
    results = {}
    for temperature in (0.02, 1.0, 50.0):
        heads = dict.fromkeys(content["temperatures"], temperature)
        RunFolder(run).write_calibration(content | {"temperatures": heads})
        done = predict_with(name, run=run, input=new, output=tmp_path / f"{temperature}.csv")
        assert not any("calibrated" in line for line in done.lines)
        results[temperature] = read_csv(tmp_path / f"{temperature}.csv")
    head = next(column[: -len("_probability")] for column in results[1.0][0] if column.endswith("_probability"))
    for low, plain, high in zip(*results.values(), strict=True):
        assert low[head] == plain[head] == high[head]
        certain, as_is, unsure = (float(row[f"{head}_probability"]) for row in (low, plain, high))
        assert certain >= as_is >= unsure


def test_the_test_rows_of_the_run_have_the_probabilities_of_a_prediction(
    predict_with: PredictWith, trained: Trained, tmp_path: Path
) -> None:
    run = trained("ngram")
    tested = pq.read_table(run / "test_predictions.parquet").to_pylist()
    new = write_csv(tmp_path / "new.csv", [("title", "text"), *((row["text"], "") for row in tested)])
    predict_with("ngram", input=new)
    for row, before in zip(read_csv(tmp_path / "out.csv"), tested, strict=True):
        for head in ("cause", "state"):
            assert row[head] == before[f"{head}_predicted"]
            assert float(row[f"{head}_probability"]) == pytest.approx(before[f"{head}_probability"], abs=1e-5)


@pytest.mark.parametrize("name", ["ngram", "series"])
def test_a_decision_rule_changes_classes_and_no_probability(
    predict_with: PredictWith, trained: Trained, tmp_path: Path, name: str
) -> None:
    run, new = copied(trained(name), tmp_path), inputs(name, tmp_path)
    spec = RunFolder(run).read_spec()["heads"][0]
    head, second = spec["name"], spec["classes"][1]
    tables = []
    for offsets in ([0.0, 0.0], [0.0, 99.0]):
        decided(run, head, offsets)
        predict_with(
            name, run=run, input=new, output=tmp_path / f"{offsets[1]}.csv", top_k=2, abstain_below=0.5, explain=True
        )
        tables.append(read_csv(tmp_path / f"{offsets[1]}.csv"))
    assert {row[head] for row in tables[1]} == {second}
    assert len({row[head] for row in tables[0]}) == 2, "both classes are predicted without the rule"
    for plain, own in zip(*tables, strict=True):
        both = {plain[f"{head}{rank}"]: plain[f"{head}{rank}_probability"] for rank in ("", "_2")}
        assert {own[f"{head}{rank}"]: own[f"{head}{rank}_probability"] for rank in ("", "_2")} == both
        assert own[f"{head}_abstain"] == str(float(own[f"{head}_probability"]) < 0.5).lower()
        assert (own[f"{head}_attributions"] == plain[f"{head}_attributions"]) == (plain[head] == second)


def test_offsets_of_other_classes_are_refused(predict_with: PredictWith, trained: Trained, tmp_path: Path) -> None:
    run = decided(copied(trained("ngram"), tmp_path), "cause", [0.0, 1.0, 2.0])
    with pytest.raises(RequestError, match="3 offsets for 2 classes of cause"):
        predict_with("ngram", run=run, input=inputs("ngram", tmp_path))


def test_a_run_of_an_older_version_says_that_it_is_not_calibrated(
    predict_with: PredictWith, trained: Trained, tmp_path: Path
) -> None:
    run, new = copied(trained("ngram"), tmp_path), inputs("ngram", tmp_path)
    RunFolder(run).calibration.unlink()
    lines = [line for line in predict_with("ngram", run=run, input=new).lines if "not calibrated" in line]
    assert len(lines) == 1
    assert f"test={run}" in lines[0]


@pytest.mark.parametrize("content", ["{", json.dumps({"temperatures": {"cause": -1}, "not_fitted": {}}), "[]"])
def test_a_damaged_calibration_is_refused_before_anything_is_written(
    predict_with: PredictWith, trained: Trained, tmp_path: Path, content: str
) -> None:
    run, new = copied(trained("ngram"), tmp_path), inputs("ngram", tmp_path)
    RunFolder(run).calibration.write_text(content)
    with pytest.raises(RequestError, match=r"calibration.json cannot be read"):
        predict_with("ngram", run=run, input=new)
    assert not (tmp_path / "out.csv").exists()
