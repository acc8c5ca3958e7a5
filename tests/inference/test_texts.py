"""Texts of new rows: joined as in training, missing cells left out, probabilities without the padding."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lab.core.batches import HeadSpec
from lab.inference.texts import TextPredictor

HEADS = (HeadSpec("cause", ("leak", "wear"), (5, 5)), HeadSpec("state", ("open", "done", "wait"), (5, 5, 5)))


class Lengths:
    """A model whose logits are the number of a text's tokens."""

    spec = SimpleNamespace(heads=HEADS, max_length=4, pad_id=0)

    def to(self, device: torch.device) -> "Lengths":
        return self

    def __call__(self, batch: Any) -> list[torch.Tensor]:
        lengths = batch.mask.sum(1).float()
        assert bool((batch.ids[~batch.mask] == 0).all())
        return [torch.stack([lengths, *[torch.zeros_like(lengths)] * (head.num_classes - 1)], 1) for head in HEADS]


class Words:
    def encode(self, texts: list[str], max_length: int) -> list[list[int]]:
        return [[len(word) for word in text.split()][:max_length] for text in texts]


def predictor(
    columns: dict[str, str] | None = None, top_k: int = 1, batch_size: int = 2, merge_spellings: bool = False
) -> TextPredictor:
    from lab.config.schema import Columned

    data = Columned.model_construct(text=("title", "body"), text_separator=" | ", missing_markers=("?",))
    data = data.model_copy(update={"merge_spellings": merge_spellings})
    config: Any = SimpleNamespace(data=data)
    model, tokenizer = Lengths(), Words()
    arguments: Any = (config, model, tokenizer, columns or {}, top_k, batch_size, torch.device("cpu"))
    return TextPredictor(*arguments)


def test_cells_are_joined_as_in_training() -> None:
    made = predictor()
    assert made.needed == ("title", "body")
    assert made.text_of({"title": "pump", "body": "drips"}) == "pump | drips"
    assert made.text_of({"title": "pump", "body": " ? "}) == "pump"
    assert made.text_of({"title": None, "body": ""}) is None
    assert predictor({"body": "text"}).text_of({"title": "pump", "text": "drips"}) == "pump | drips"


def test_rows_keep_their_place_and_rows_without_a_text_are_rejected() -> None:
    rows = [{"title": "a b c"}, {"title": "?"}, {"title": "a"}, {"title": "a b c d e f"}]
    result = predictor(top_k=2).predict(rows)  # type: ignore[arg-type]
    assert list(result.rejected) == [1]
    assert result.cells[1] == (None,) * 8
    first = [cells[1] for cells in result.cells if cells[1] is not None]
    assert first == pytest.approx([float(torch.tensor([n, 0.0]).softmax(0)[0]) for n in (3.0, 1.0, 4.0)], abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_the_size_of_a_batch_changes_nothing(batch_size: int) -> None:
    rows: Any = [{"title": "a " * number} for number in range(1, 6)]
    assert predictor(batch_size=batch_size).predict(rows).cells == predictor().predict(rows).cells


def test_scores_count_rows_with_a_known_label() -> None:
    made = predictor()
    assert made.scores() is None
    rows: Any = [{"title": "a", "cause": "leak"}, {"title": "b", "cause": "wear"}, {"title": "c", "cause": "rust"}]
    made.predict(rows)
    scores = made.scores()
    assert scores is not None
    assert [row[:2] for row in scores.rows] == [("cause", "0.500")]


def test_a_run_that_merged_spellings_compares_labels_in_any_spelling() -> None:
    rows: Any = [{"title": "a", "cause": "Leak"}, {"title": "b", "cause": " LEAK"}, {"title": "c", "cause": "WEAR "}]
    made, exact = predictor(merge_spellings=True), predictor()
    made.predict(rows)
    exact.predict(rows)
    assert exact.scores() is None
    scores = made.scores()
    assert scores is not None
    assert [row[:2] for row in scores.rows] == [("cause", "0.667")]
