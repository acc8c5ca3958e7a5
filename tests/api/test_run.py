"""A run folder as an object, and the table of runs."""

import doctest
import json
import logging
import math
import re
import shutil
import sys
from functools import cached_property
from pathlib import Path

import pandas as pd
import pytest
import torch

import lab
from lab.api import run as module
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder


@pytest.fixture
def copied(here: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(here / "outputs" / "first", tmp_path / "run"))


def test_the_examples_of_the_docstrings(here: Path) -> None:
    names = {**vars(module), "run": lab.load("outputs/first")}
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    cached = [value.func for value in vars(module.Run).values() if isinstance(value, cached_property)]
    for place in (module, *cached):  # doctest of Python 3.11 does not look into cached properties
        for example in finder.find(place, place.__name__, globs=names):
            runner.run(example)
    assert runner.failures == 0
    assert runner.tries >= 9


def test_metrics_and_history_are_those_of_the_record(here: Path) -> None:
    run = lab.load("outputs/first")
    assert run.metrics["test/f1_macro"] == run.record["metrics"]["test"]["f1_macro"]
    assert {name.partition("/")[0] for name in run.metrics} == {"train", "val", "test"}
    assert run.history["epoch"].tolist() == [0, 1]
    assert run.history["val/f1_macro"].max() == pytest.approx(run.record["objective"]["value"])


def test_a_score_that_is_not_finite_is_nan(copied: Path) -> None:
    record = json.loads((copied / "run.json").read_text())
    record["metrics"]["test"]["loss"] = None
    (copied / "run.json").write_text(json.dumps(record))
    (copied / "history.jsonl").write_text('{"epoch": 0, "step": 1, "val/loss": null}\n')
    run = lab.load(copied)
    assert math.isnan(run.metrics["test/loss"])
    assert run.history.dtypes.astype(str).tolist() == ["int64", "int64", "float64"]


def test_the_model_has_the_best_weights(here: Path) -> None:
    run = lab.load("outputs/first")
    best = torch.load(RunFolder(run.folder).best, weights_only=True)["state_dict"]
    weights = run.model.state_dict()
    assert all(torch.equal(weights[name], best[name]) for name in best)
    assert run.model is run.model


def test_the_config_is_that_of_the_run(here: Path) -> None:
    config = lab.load("outputs/first").config
    assert (config.model.kind, config.data.num_rows, config.trainer.max_epochs) == ("ngram", 200, 2)


@pytest.mark.parametrize("name", ["nowhere", "outputs"])
def test_a_folder_that_is_no_run_is_refused(here: Path, name: str) -> None:
    with pytest.raises(RequestError, match=f"folder={name}: run.json cannot be read"):
        lab.load(name)


def test_a_damaged_record_is_refused(copied: Path) -> None:
    (copied / "run.json").write_text("{")
    with pytest.raises(RequestError, match=r"run\.json cannot be read"):
        lab.load(copied)


def test_plug_ins_of_a_run_are_imported_only_when_they_are_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / "loaded_plugin.py").write_text("")
    text = (copied / "config.yaml").read_text().replace("plugins: []", "plugins: [loaded_plugin]")
    (copied / "config.yaml").write_text(text)
    monkeypatch.chdir(copied)
    run = lab.load(copied)
    assert run.status == "completed"
    for attribute in ("config", "model"):
        with pytest.raises(RequestError, match=r"plugins=.*only when typed"):
            getattr(run, attribute)
    assert "loaded_plugin" not in sys.modules
    assert lab.load(copied, plugins=["loaded_plugin"]).config.plugins == ("loaded_plugin",)
    with pytest.raises(RequestError, match="no module of this name"):
        lab.load(copied, plugins=["missing_plugin"])


@pytest.mark.parametrize("line", ["seed: ${oc.env:HOME}", "experiment_name: ${oc.env:HOME}"])
def test_somebody_elses_settings_never_read_the_environment(copied: Path, line: str) -> None:
    name = line.partition(":")[0]
    text = re.sub(rf"(?m)^{name}: .*$", line, (copied / "config.yaml").read_text())
    (copied / "config.yaml").write_text(text)
    with pytest.raises(RequestError, match=f"{name}=.*reads the environment"):
        _ = lab.load(copied).config


def test_a_run_without_texts_has_no_tokenizer(copied: Path) -> None:
    shutil.rmtree(copied / "tokenizer")
    (copied / "spec.json").write_text(json.dumps({"kind": "series", "heads": [], "channels": ["x"], "length": 4}))
    with pytest.raises(RequestError, match="no tokenizer: only runs on texts"):
        _ = lab.load(copied).tokenizer


def test_a_lost_tokenizer_is_not_taken_for_a_run_without_texts(copied: Path) -> None:
    shutil.rmtree(copied / "tokenizer")
    with pytest.raises(RequestError, match="the run's tokenizer is gone"):
        _ = lab.load(copied).tokenizer


def test_a_notebook_shows_the_test_scores_with_escaped_names(copied: Path) -> None:
    record = json.loads((copied / "run.json").read_text())
    record["metrics"]["test"] = {"f1_macro": 0.5, "<b>": 0.25, "modo/f1_macro": 0.75}
    (copied / "run.json").write_text(json.dumps(record))
    shown = lab.load(copied)._repr_html_()
    assert "<td>test/f1_macro</td><td>0.5000</td>" in shown
    assert "<td>test/&lt;b&gt;</td>" in shown
    assert "modo" not in shown


def test_the_table_has_settings_and_scores_of_every_run(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    second = shutil.copytree("outputs/first", "outputs/second")
    broken = shutil.copytree("outputs/first", "outputs/broken")
    text = Path(second, "config.yaml").read_text()
    Path(second, "config.yaml").write_text(text.replace("buckets: 2000", "buckets: 500"))
    Path(broken, "run.json").write_text("{")
    try:
        with caplog.at_level(logging.WARNING, "lab.api.run"):
            table = lab.runs("outputs")
    finally:
        shutil.rmtree(second)
        shutil.rmtree(broken)
    assert table["run"].tolist() == ["first", "second"]
    assert table["model.buckets"].tolist() == [2000, 500]
    assert table["model.kind"].tolist() == ["ngram", "ngram"]
    assert table["test/f1_macro"].nunique() == 1
    assert table.columns.is_unique
    assert "broken" in caplog.text
    assert isinstance(table, pd.DataFrame)


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="contain no run"):
        lab.runs(tmp_path)
    with pytest.raises(RequestError, match="there is no such folder"):
        lab.runs(tmp_path / "nowhere")
