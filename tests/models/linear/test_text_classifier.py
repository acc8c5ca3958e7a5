"""`model=linear` in one pass: it is the linear model of `lab.models.linear.text`, whatever the order of the batches."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lab.config import schema
from lab.core.batches import MISSING, HeadSpec, TextBatch, TextSpec
from lab.models.linear import solved
from lab.models.linear.text import TextLinear
from lab.models.linear.text_classifier import LinearTextClassifier
from lab.models.linear.tfidf_encoder import TfidfEncoder
from lab.models.linear.tokenizer import NgramSettings, SparseNgramTokenizer

from .test_text import HEADS, SMALL, data

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*"
)
TRAIN, VAL = data(90, 0), data(40, 1)
TOKENIZER = SparseNgramTokenizer.fitted(NgramSettings(buckets=2**12), [TRAIN[0]])
LOSS = schema.LossConfig(
    kind="cross_entropy", label_smoothing=0.0, gamma=2.0, class_weights="auto", head_weights={}, head_weighting="fixed"
)


def batches(given: tuple[list[str], dict[str, np.ndarray]], order: Any) -> list[TextBatch]:
    texts, labels = given
    result = []
    for rows in np.array_split(np.asarray(order), max(1, len(order) // 16)):
        ids = TOKENIZER.encode([texts[row] for row in rows], 99)
        length = max(map(len, ids))
        padded = torch.tensor([[*row, *[0] * (length - len(row))] for row in ids])
        counts = {head.name: torch.ones(head.num_classes, dtype=torch.long) for head in HEADS}
        own = {name: torch.from_numpy(column[rows].astype(np.int64)) for name, column in labels.items()}
        result.append(TextBatch(padded, padded != 0, own, torch.from_numpy(rows), counts))
    return result


def classifier(
    training: Any, heads: tuple[HeadSpec, ...] = HEADS, c: float | None = None, loss: schema.LossConfig = LOSS
) -> LinearTextClassifier:
    spec = TextSpec(heads, TOKENIZER.vocabulary_size, 0, 99)
    encoder = TfidfEncoder(sum(head.num_classes for head in heads), TOKENIZER)
    return LinearTextClassifier(spec, encoder, loss, c, True, training())


def fitted(model: LinearTextClassifier, train: Any = TRAIN, order: Any = range(90)) -> LinearTextClassifier:
    trainer = pl.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False,
    )  # fmt: skip
    loaders = [DataLoader(given, batch_size=None) for given in (batches(train, order), batches(VAL, range(40)))]  # type: ignore[arg-type]
    trainer.fit(model, *loaders)
    return model.eval()


def test_it_is_the_linear_model_of_texts_in_any_order_of_rows(training: Any) -> None:
    model = fitted(classifier(training))
    mixed = fitted(classifier(training), order=np.random.default_rng(0).permutation(90))
    reference = TextLinear.fit([TRAIN[0]], TRAIN[1], HEADS, ([VAL[0]], VAL[1]), SMALL, seed=3)
    new = data(30, 5)
    expected = reference.logits([new[0]])
    (batch,) = batches(new, range(30))[:1]
    with torch.no_grad():
        logits = model(batch)
    for head, own in zip(HEADS, logits, strict=True):
        torch.testing.assert_close(own, torch.from_numpy(expected[head.name][: len(own)]), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), mixed.state_dict().values(), strict=True))
    assert model.choices[:, 0].tolist() == [reference.choice[head.name]["c"] for head in HEADS]


def test_heads_with_one_class_or_without_a_label_have_constant_scores(
    training: Any, caplog: pytest.LogCaptureFixture
) -> None:
    texts, labels = TRAIN
    poor = (texts, {"causa": np.full(90, MISSING), "turno": np.where(labels["turno"] == MISSING, MISSING, 1)})
    caplog.set_level("INFO")
    model = fitted(classifier(training), poor)
    with torch.no_grad():
        causa, turno = model(batches(VAL, range(40))[0])
    assert bool((causa == causa[0]).all())
    assert bool((turno.argmax(1) == 1).all())
    assert "linear model of causa: no training row has a label" in caplog.text
    assert "linear model of turno: all training rows have one class" in caplog.text


def test_validation_rows_that_are_trained_on_choose_nothing(training: Any) -> None:
    first, second = fitted(classifier(training, c=0.03)), classifier(training)
    second.chooses = False
    second.take_choice(first)
    assert torch.equal(fitted(second).choices, first.choices)


def test_class_weights_reach_the_solver(training: Any) -> None:
    model = classifier(training)
    assert model.class_weights(0) is None
    model.losses._class_weights[0] = torch.tensor([1.0, 2.0, 0.5])
    assert model.class_weights(0).tolist() == [1.0, 2.0, 0.5]


def test_classes_are_balanced_unless_weights_are_named(training: Any) -> None:
    plain = TextLinear.fit([TRAIN[0]], TRAIN[1], HEADS, ([VAL[0]], VAL[1]), SMALL, class_weights=None, seed=3)
    model = fitted(classifier(training, loss=LOSS.model_copy(update={"class_weights": "none"})))
    (batch,) = batches(VAL, range(16))
    with torch.no_grad():
        logits, balanced = model(batch), fitted(classifier(training))(batch)
    expected = torch.from_numpy(plain.logits([VAL[0][:16]])["causa"])
    torch.testing.assert_close(logits[0], expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(balanced[0], expected, atol=1e-2)


def test_rows_that_do_not_fit_in_memory_are_refused(training: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solved, "MAX_GIB", 1e-9)
    with pytest.raises(Exception, match="needs the features of all rows at once"):
        fitted(classifier(training))
