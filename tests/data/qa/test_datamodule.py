"""Batches of windows: padded to their longest, every window once an epoch, and what the record says of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from lab.config.schema import Cache, Encoder
from lab.core.batches import QuestionBatch
from lab.core.errors import RequestError
from lab.data.batch_sampler import Draw
from lab.data.qa.corpus import load_questions
from lab.data.qa.datamodule import QuestionDataModule
from lab.training.build.tokenizer import build_tokenizer

MODEL = Path(__file__).parents[3] / "conf" / "model" / "tiny.yaml"
Make = Callable[..., QuestionDataModule]


@pytest.fixture
def made(data_request: Callable[..., Any], tmp_path: Path) -> Make:
    def make(**changes: Any) -> QuestionDataModule:
        settings = {"num_contexts": 40, "max_length": 64, "stride": 16, "batch_size": 8} | changes
        config = data_request("qa_demo", **settings)
        corpus = load_questions(config, tmp_path)
        model = Encoder.model_validate(yaml.safe_load(MODEL.read_text(encoding="utf-8")))
        words = build_tokenizer(model, lambda: iter([list(corpus.splits["train"].contexts)]))
        cache = Cache(dir=str(tmp_path), max_gib=1, hidden_states=False, dtype="auto")
        data = QuestionDataModule(corpus, words, config, cache, lambda _: 2, 0, False)  # type: ignore[arg-type]
        data.setup("fit")
        data.setup("test")
        return data

    return make


def test_a_batch_is_padded_to_its_longest_window(made: Make) -> None:
    data = made()
    rows = data.rows["train"]
    batch = rows[Draw(np.array([0, 1, 2]), np.arange(6))]
    lengths = rows.windows.lengths[:3]
    assert batch.ids.shape == (3, lengths.max())
    assert batch.mask.sum(1).tolist() == lengths.tolist()
    assert (batch.ids[~batch.mask] == data.spec.pad_id).all()
    assert (batch.places[~batch.mask] == -1).all()
    assert int(batch.window_rows) == 6
    assert batch.rows.tolist() == rows.windows.question_of[:3].tolist()
    for row in range(3):
        assert batch.ids[row][batch.mask[row]].tolist() == rows.windows[row][:, 0].tolist()
    moved = batch.to(torch.device("cpu"))
    assert not batch.whole
    assert rows[Draw(np.array([0, 0]), np.arange(2))].to(torch.device("cpu")).whole, "no row is padded"
    for name, value in vars(batch).items():
        assert torch.equal(getattr(moved, name), value) if isinstance(value, torch.Tensor) else not moved.whole


def test_batches_with_padding_are_padded_to_a_multiple_and_none_beyond_the_model(made: Make) -> None:
    data = made()
    plain = {tuple(batch.rows.tolist()): batch for batch in data.train_dataloader()}
    data.width_multiple = 8
    data.rows.clear()
    data.setup("fit")
    wider = {tuple(batch.rows.tolist()): batch for batch in data.train_dataloader()}
    assert wider.keys() == plain.keys()
    assert all(batch.whole or batch.ids.shape[1] % 8 == 0 for batch in wider.values())
    assert any(wider[rows].ids.shape[1] > batch.ids.shape[1] for rows, batch in plain.items())
    for rows, batch in plain.items():
        width = batch.ids.shape[1]
        assert torch.equal(wider[rows].ids[:, :width], batch.ids)
        assert not wider[rows].mask[:, width:].any()


def test_every_window_comes_once_an_epoch_in_windows_of_two_batches(made: Make) -> None:
    data = made()
    batches: list[QuestionBatch] = list(data.train_dataloader())
    assert len(batches) == data.num_batches()
    assert sum(len(batch) for batch in batches) == len(data.rows["train"])
    steps = [int(batch.window_rows) for batch in batches[:-1]]
    assert set(steps[:-1]) == {16}
    for loader, split in ((data.val_dataloader(), "val"), (data.test_dataloader(), "test")):
        result = torch.cat([batch.rows for batch in loader])
        assert sorted(set(result.tolist())) == list(range(len(data.references[split].answers)))


def test_the_longest_batch_and_whole_windows_serve_the_finders(made: Make) -> None:
    data = made()
    longest = data.longest(500)
    assert isinstance(longest, QuestionBatch)
    assert longest.ids.shape == (500, 64)
    assert all(int(batch.window_rows) == len(batch) for batch in data.whole_windows())


def test_the_record_says_what_is_out_of_reach(made: Make) -> None:
    facts = made().window_facts
    assert facts["questions_without_window"] == 0
    assert facts["answers_over_max_answer_share"] == 0.0
    assert facts["windows_with_answer"] >= 96  # type: ignore[operator]
    assert made(max_answer=1).window_facts["answers_over_max_answer_share"] > 0.5  # type: ignore[operator]
    assert made(stride=0, max_length=32).window_facts["questions_without_window"] != 0


def test_more_than_the_model_reads_is_refused(made: Make) -> None:
    with pytest.raises(RequestError, match="the model reads at most 512 tokens") as caught:
        made(max_length=600)
    assert caught.value.mistakes[0].remedy == "data.max_length=512"
