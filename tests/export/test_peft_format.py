"""Adapters beside their base model: PEFT loads the folder, and it computes what the run computes."""

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from lab.core.errors import RequestError
from lab.export import peft_format
from lab.inference.predict import Done
from lab.models.text.transformer import quietly

from .conftest import Export, assert_same_answers, read_csv

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # in PEFT itself
PredictWith = Callable[..., Done]
PEFT = {"format": "hf", "adapters": "peft"}


def loaded(folder: Path, auto: str) -> Any:
    """What the line of the export says, by transformers and PEFT alone."""
    import transformers
    from peft import PeftModel

    with quietly():
        return PeftModel.from_pretrained(getattr(transformers, auto).from_pretrained(folder / "base"), folder).eval()


def new_texts(path: Path) -> Path:
    path.write_text("title,text\npump 1,drips drips\npump 2,noise\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["lora", *(pytest.param(each, marks=pytest.mark.slow) for each in ("dora", "qdora"))])
def test_the_script_classifies_as_the_run_does(
    exported: Export, predict_with: PredictWith, tmp_path: Path, name: str
) -> None:
    exported(name, **PEFT)
    away = tmp_path / "elsewhere"
    shutil.move(tmp_path / "model", away)
    assert {path.name for path in away.iterdir()} >= {"adapter_config.json", "adapter_model.safetensors", "base"}
    predict_with(name, input=new_texts(tmp_path / "new.csv"))
    with quietly():
        script = runpy.run_path(str(away / "load_classifier.py"))
    assert type(script["ENCODER"]).__name__ == "PeftModelForFeatureExtraction"
    predicted = read_csv(tmp_path / "out.csv")
    given = script["classify"]([f"{row['title']} | {row['text']}" for row in predicted])
    for head in script["SETTINGS"]["heads"]:
        for row, probabilities in zip(predicted, given[head["name"]], strict=True):
            assert row[head["name"]] == head["classes"][int(probabilities.argmax())]
            assert float(row[f"{head['name']}_probability"]) == pytest.approx(float(probabilities.max()), abs=1e-5)


def test_keys_and_settings_are_those_of_peft(exported: Export, tmp_path: Path) -> None:
    lines = exported("lora", **PEFT)
    folder = tmp_path / "model"
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        names = list(file.keys())
        assert any(float(file.get_tensor(name).abs().max()) > 0 for name in names if "lora_B" in name)
    assert names
    assert all(
        name.startswith("base_model.model.") and name.endswith(("lora_A.weight", "lora_B.weight")) for name in names
    )
    settings = json.loads((folder / "adapter_config.json").read_text())
    assert (settings["r"], settings["base_model_name_or_path"]) == (2, "base")
    with safe_open(folder / "base" / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "lora" in name or "base_layer" in name]  # noqa: SIM118
    assert (
        "peft.PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(FOLDER + '/base'), FOLDER)" in lines[1]
    )
    assert lines[1][1:-1] in (folder / "README.md").read_text()
    assert json.loads((folder / "export.json").read_text())["adapters"] == "peft"


def test_a_head_of_transformers_is_in_the_adapter(exported: Export, predict_with: PredictWith, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    lines = exported("own_head", **PEFT)
    assert float(lines[-1].split(": ")[1].split(" ")[0]) <= 1e-5
    model = loaded(tmp_path / "model", "AutoModelForSequenceClassification")
    assert model.config.id2label == {0: "leak", 1: "wear"}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    temperature = float(lines[2].split("divided by ")[1].split(" ")[0])
    predict_with("own_head", input=new_texts(tmp_path / "new.csv"))
    assert_same_answers(model, tokenizer, temperature, tmp_path / "out.csv")


@pytest.mark.slow
def test_questions_have_their_trained_head_in_the_adapter(exported: Export, tmp_path: Path) -> None:
    lines = exported("adapted_questions", **PEFT)
    assert "AutoModelForQuestionAnswering" in lines[1]
    assert float(lines[-1].split(": ")[1].split(" ")[0]) <= 1e-5
    with safe_open(tmp_path / "model" / "adapter_model.safetensors", "pt") as file:
        assert "base_model.model.qa_outputs.weight" in file.keys()  # noqa: SIM118
    loaded(tmp_path / "model", "AutoModelForQuestionAnswering")


def test_a_base_of_the_hub_is_named_and_not_copied(
    exported: Export, trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base weights of the run stand in for those of the hub, which tests cannot reach."""
    exported("lora", output=str(tmp_path / "first"), **PEFT)
    revision = tmp_path / ("0123456789" * 4)
    shutil.move(tmp_path / "first" / "base", revision)
    monkeypatch.setattr(peft_format, "hub_name", lambda _: "someone/encoder")
    monkeypatch.setattr(peft_format, "locate", lambda _: revision)
    lines = exported("lora", **PEFT)
    settings = json.loads((tmp_path / "model" / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == ("someone/encoder", revision.name)
    assert not (tmp_path / "model" / "base").exists()
    assert "AutoModel.from_pretrained('someone/encoder')" in lines[1]
    assert json.loads((tmp_path / "model" / "heads.json").read_text())["base"] == "someone/encoder"


def test_a_run_without_adapters_is_refused(exported: Export, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"adapters.*no adapters"):
        exported("ngram", **PEFT)
    assert list(tmp_path.iterdir()) == []
