"""A run leaves its doubts on disk: wrong labels that were planted among generated reports lead its review.csv."""

import csv
import warnings

import numpy as np
import pytest

from lab.core.record.run_folder import RunFolder
from lab.data.text.maintenance.generator import generate
from lab.training.train import train

from .conftest import config_of

NUM, SHARE = 3000, 0.05


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, set[int]]:
    """A run on reports, of which a share has a wrong label, and the numbers of these rows in the file."""
    place = tmp_path_factory.mktemp("planted")
    reports, random = generate(NUM, 3, 0.2), np.random.default_rng(0)
    labels, classes = reports.labels["modo"].copy(), reports.classes["modo"]
    wrong = random.choice(NUM, round(SHARE * NUM), replace=False)
    labels[wrong] = (labels[wrong] + random.integers(1, len(classes), len(wrong))) % len(classes)
    rows = [(text, classes[label]) for text, label in zip(reports.texts, labels, strict=True)]
    config = config_of(place, "trainer.max_epochs=4", "data.leaks.action=warn", rows=rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(config, place / "run", "python train.py")
    return RunFolder(place / "run"), set(wrong.tolist())


def test_planted_wrong_labels_rank_first(planted: tuple[RunFolder, set[int]]) -> None:
    run, wrong = planted
    with run.review.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["split"] for row in rows} == {"val", "test"}
    assert sum(int(row["row"]) in wrong for row in rows[:20]) >= 12, f"chance gives {20 * SHARE:.0f}"
    first = rows[0]
    assert first["reason"] == "label may be wrong"
    assert float(first["probability"]) > float(first["label_probability"])
    assert all(row["text"] and row["label"] != row["predicted"] for row in rows)


def test_the_surest_rows_are_right_more_often_than_all(planted: tuple[RunFolder, set[int]]) -> None:
    content = planted[0].read_calibration()
    assert content is not None
    for split in ("val", "test"):
        curve = content["coverage"][split]["cause"]
        assert curve[-1][1] == 1.0
        assert curve[len(curve) // 2][2] > curve[-1][2] + 0.05
        assert content["scores"][split]["cause"]["rows"] == 300


def test_a_row_of_the_file_is_the_row_of_the_data(planted: tuple[RunFolder, set[int]]) -> None:
    run = planted[0]
    with (run.path.parent / "texts.csv").open(newline="", encoding="utf-8") as file:
        data = list(csv.DictReader(file))
    with run.review.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert data[int(row["row"])] == {"text": row["text"], "cause": row["label"]}
