"""Exports for transformers: what it loads computes what the run computes; what it does not have is refused."""

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.inference.predict import Done
from lab.models.text.transformer import quietly

from .conftest import Export, assert_same_answers, decided, read_csv

PredictWith = Callable[..., Done]


@pytest.fixture
def loads(tmp_path: Path) -> Callable[[str, str], Any]:
    """Loads `tmp_path / "model"` with a class of transformers, named."""

    def load(model: str, tokenizer: str) -> Any:
        import transformers

        with quietly():
            loaded = getattr(transformers, model).from_pretrained(tmp_path / "model").eval()
            return loaded, getattr(transformers, tokenizer).from_pretrained(tmp_path / "model")

    return load


def test_questions_load_with_the_trained_head(
    exported: Export,
    predict_with: PredictWith,
    loads: Callable[[str, str], Any],
    tmp_path: Path,
    trained: Callable[[str], Path],
) -> None:
    lines = exported("questions", format="hf")
    assert "AutoModelForQuestionAnswering" in lines[1]
    model, tokenizer = loads("AutoModelForQuestionAnswering", "AutoTokenizer")
    context = "La bomba vibra porque el eje gira suelto."
    source = tmp_path / "new.csv"
    source.write_text(f"question,context\n¿Por qué vibra?,{context}\n", encoding="utf-8")
    predict_with("questions", input=source)
    (row,) = read_csv(tmp_path / "out.csv")
    encoded = tokenizer("¿Por qué vibra?", context, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0]
    with torch.inference_mode():
        result = model(**encoded)
    inside = [place for place, part in enumerate(tokenizer("¿Por qué vibra?", context).sequence_ids(0)) if part == 1]
    longest = RunFolder(trained("questions")).read_spec()["max_answer"]
    spans = [(first, last) for first in inside for last in inside if first <= last < first + longest]
    scores = [float(result.start_logits[0, first] + result.end_logits[0, last]) for first, last in spans]
    first, last = spans[scores.index(max(scores))]
    assert context[int(offsets[first][0]) : int(offsets[last][1])] == row["answer"]


@pytest.mark.parametrize("name", ["lora", pytest.param("encoder", marks=pytest.mark.slow)])
def test_the_script_classifies_as_the_run_does(
    exported: Export, predict_with: PredictWith, trained: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    run = decided(Path(shutil.copytree(trained(name), tmp_path / "copy")), "cause", [0.0, 99.0])
    lines = exported(name, run=run, format="hf")
    assert "load_classifier.py shows how" in lines[1]
    source = tmp_path / "new.csv"
    source.write_text("title,text\npump 1,drips drips\npump 2,noise\n")
    predict_with(name, run=run, input=source)
    predicted = read_csv(tmp_path / "out.csv")
    assert [row["cause"] for row in predicted] == ["wear", "wear"], "the class that the rule always chooses"
    with quietly():
        script = runpy.run_path(str(tmp_path / "model" / "load_classifier.py"))
    settings = script["SETTINGS"]
    assert settings["columns"] == ["title", "text"]
    given = script["classify"]([settings["separator"].join((row["title"], row["text"])) for row in predicted])
    for head in settings["heads"]:
        chosen = script["chosen"](head, given[head["name"]])
        for row, probabilities, best in zip(predicted, given[head["name"]], chosen, strict=True):
            assert row[head["name"]] == head["classes"][best]
            assert float(row[f"{head['name']}_probability"]) == pytest.approx(float(probabilities[best]), abs=1e-5)


def test_a_head_of_transformers_loads_with_the_names_of_the_classes(
    exported: Export, predict_with: PredictWith, loads: Callable[[str, str], Any], tmp_path: Path
) -> None:
    lines = exported("own_head", format="hf")
    assert "AutoModelForSequenceClassification" in lines[1]
    assert float(lines[-1].split(": ")[1].split(" ")[0]) <= 1e-5
    assert not list((tmp_path / "model").glob("*.py"))
    model, tokenizer = loads("AutoModelForSequenceClassification", "AutoTokenizer")
    assert model.config.id2label == {0: "leak", 1: "wear"}
    assert model.config.label2id == {"leak": 0, "wear": 1}
    source = tmp_path / "new.csv"
    source.write_text("title,text\npump 1,drips drips\npump 2,noise\n")
    predict_with("own_head", input=source)
    text = (tmp_path / "model" / "README.md").read_text()
    temperature = float(text.split("divided by ")[1].split(" ")[0])
    assert_same_answers(model, tokenizer, temperature, tmp_path / "out.csv")


def test_predictions_need_another_format(
    exported: Export, predict_with: PredictWith, rows: Callable[[str], Path], tmp_path: Path
) -> None:
    exported("lora", format="hf")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "library_name: transformers" in card
    assert "predict.py" not in card
    assert json.loads((tmp_path / "model" / "export.json").read_text())["format"] == "hf"
    with pytest.raises(RequestError, match="is an export for transformers"):
        predict_with("lora", run=tmp_path / "model", input=rows("lora"))


@pytest.mark.parametrize("name", ["ngram", "series"])
def test_what_transformers_does_not_have_is_refused(exported: Export, tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match="is no encoder of the transformers library"):
        exported(name, format="hf")
    assert list(tmp_path.iterdir()) == []
