"""The linear model of texts: it learns, it is saved without pickles, and its logits do not depend on the batch."""

import json
from pathlib import Path

import numpy as np
import pytest

from lab.core.batches import MISSING, HeadSpec
from lab.core.files import Unreadable
from lab.models.linear.files import DESCRIPTION, WEIGHTS
from lab.models.linear.text import TextLinear, TextLinearSettings
from lab.models.linear.tokenizer import NgramSettings

SIGNS = (("bomba", "fuga"), ("motor", "ruido"), ("panel", "chispa"))
HEADS = (HeadSpec("causa", ("a", "b", "c"), (30, 30, 30)), HeadSpec("turno", ("x", "y"), (45, 45)))
SMALL = TextLinearSettings(NgramSettings(buckets=2**12))


def data(num: int, seed: int) -> tuple[list[str], dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    causa, turno = random.integers(3, size=num), random.integers(2, size=num)
    texts = [
        f"{SIGNS[c][random.integers(2)]} en linea {random.integers(99)} turno {'dia' if t else 'noche'}"
        for c, t in zip(causa, turno, strict=True)
    ]
    return texts, {"causa": causa, "turno": np.where(random.random(num) < 0.3, MISSING, turno)}


@pytest.fixture(scope="module")
def model() -> TextLinear:
    (texts, labels), (val, val_labels) = data(90, 0), data(40, 1)
    return TextLinear.fit([texts], labels, HEADS, ([val], val_labels), SMALL)


def test_it_learns_every_head(model: TextLinear) -> None:
    texts, labels = data(60, 2)
    logits = model.logits([texts[:7], texts[7:]])
    assert (logits["causa"].argmax(1) == labels["causa"]).mean() > 0.95
    known = labels["turno"] != MISSING
    assert (logits["turno"].argmax(1) == labels["turno"])[known].mean() > 0.95
    assert model.choice["causa"].keys() == {"c", "words_only", "note"}


def test_a_text_has_the_same_logits_alone_and_in_any_batch(model: TextLinear) -> None:
    texts, _ = data(20, 3)
    together = model.logits([texts])["causa"]
    alone = np.concatenate([model.logits([[text]])["causa"] for text in texts])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert model.logits([])["turno"].shape == (0, 2)
    assert np.isfinite(model.logits([["", "¿¿??", "sin nada conocido qqq"]])["causa"]).all()


def test_a_saved_model_is_the_same(model: TextLinear, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = TextLinear.load(tmp_path)
    texts, _ = data(20, 4)
    for head in ("causa", "turno"):
        assert (loaded.logits([texts])[head] == model.logits([texts])[head]).all()
    assert loaded.choice == model.choice


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / WEIGHTS).write_bytes(b"\x80\x04pickle"),
        lambda folder: (folder / DESCRIPTION).write_text("[]"),
        lambda folder: (folder / DESCRIPTION).write_text(json.dumps({"heads": [{"name": "causa"}], "max_words": 1})),
        lambda folder: (folder / DESCRIPTION).write_text(
            json.dumps({"heads": [{"name": "other", "c": 1.0, "num_columns": 2, "note": None, "temperature": 1.0}],
                        "max_words": 1})
        ),
    ],
)  # fmt: skip
def test_damaged_files_are_named(damage: object, model: TextLinear, tmp_path: Path) -> None:
    model.save(tmp_path)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(Unreadable):
        TextLinear.load(tmp_path)


def test_out_of_fold_logits_are_near_those_of_new_texts(model: TextLinear) -> None:
    texts, labels = data(90, 0)
    unseen = model.out_of_fold_logits([texts], labels)
    assert unseen["causa"].shape == (90, 3)
    assert (unseen["causa"].argmax(1) == labels["causa"]).mean() > 0.9
    assert not np.allclose(unseen["causa"], model.logits([texts])["causa"])


def test_a_head_without_labels_has_constant_logits_and_a_note() -> None:
    texts, labels = data(30, 5)
    none = {"causa": labels["causa"], "turno": np.full(30, MISSING)}
    model = TextLinear.fit([texts], none, HEADS, None, SMALL)
    assert model.choice["turno"]["note"] == "no training row has a label"
    logits = model.logits([texts])["turno"]
    assert (logits == logits[0]).all()
    assert (model.out_of_fold_logits([texts], none)["turno"] == logits[0]).all()


def test_texts_without_words_do_not_fail() -> None:
    labels = {"causa": np.array([0, 1, 2, 0]), "turno": np.array([0, 1, 0, 1])}
    model = TextLinear.fit([["", "!", "?", "."]], labels, HEADS, None, SMALL)
    assert model.logits([["", "x"]])["causa"].shape == (2, 3)
