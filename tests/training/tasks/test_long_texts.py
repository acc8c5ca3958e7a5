"""Texts that are longer than `data.max_length`: cut, or read in windows (`data.max_windows`)."""

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import lab
from lab.core.errors import RequestError

WORDS = [f"palabra{number}" for number in range(30)]
SIGNALS = {"uno": "rojo", "dos": "verde"}
"""A word that decides the class and stands anywhere in a text."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw, path = random.Random(0), tmp_path_factory.mktemp("long") / "long.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(400):
            label = ("uno", "dos")[number % 2]
            words = draw.choices(WORDS, k=40)
            for place in draw.sample(range(len(words)), 4):
                words[place] = SIGNALS[label]
            rows.writerow([" ".join([*words, f"n{number}"]), label])
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_windows_find_what_stands_after_the_first_one(table: Path, tmp_path: Path) -> None:
    base = ["data=csv", f"data.path={table}", "data.text=[text]", "data.labels=[label]", "data.leaks.action=warn",
            "data.max_length=16", "model=tiny", "trainer.max_epochs=8", "trainer.precision=32", "logger=csv",
            "callbacks.curves.png=false", "baselines.enabled=false", f"cache.dir={tmp_path / 'cache'}"]  # fmt: skip
    runs = {most: lab.train([*base, f"data.max_windows={most}"], tmp_path / f"w{most}") for most in (1, 8)}
    scores = {most: run.record["metrics"]["test"]["accuracy"] for most, run in runs.items()}
    assert scores[8] > scores[1] + 0.05, scores
    assert scores[8] > 0.9, scores
    tested: Any = pq.read_table(tmp_path / "w8" / "test_predictions.parquet").to_pydict()
    texts = [{"text": text} for text in tested["text"]]
    predicted = runs[8].predict(texts)
    assert np.allclose(predicted["label_probability"], tested["label_probability"], atol=1e-5), (
        "predictions read the same windows"
    )


@pytest.mark.parametrize("other", ["model=ngram", "cache.hidden_states=true"])
def test_windows_need_an_encoder_without_cached_states(other: str) -> None:
    with pytest.raises(RequestError, match=r"data\.max_windows=4: .*\n *try: data\.max_windows=1"):
        lab.compose(["model=tiny", "callbacks.freeze.layers=1", other, "data.max_windows=4"])
