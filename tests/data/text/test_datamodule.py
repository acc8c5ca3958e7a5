import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lab.config.schema import Cache, Maintenance
from lab.core.batches import MISSING, FlatIds, HeadSpec
from lab.core.errors import RequestError
from lab.data.cache.hidden_state_files import Form
from lab.data.cache.hidden_states import digest, obtain
from lab.data.text.corpus import Corpus, Rows
from lab.data.text.datamodule import TextDataModule, length_facts, resolve_max_length


class Words:
    """A tokenizer of words: the id of a word is its length."""

    pad_id, vocabulary_size, longest, unit = 0, 30, 40, "words"

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        return [[len(word) for word in text.split()[:max_length]] for text in texts]

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        return FlatIds.of(self.encode(texts, max_length))

    def save(self, folder: Path) -> None:
        raise AssertionError("nothing here saves it")

    def fingerprint(self) -> str:
        return "words"


class Listed(list[str]):
    def batches(self, size: int) -> Iterator[list[str]]:
        for start in range(0, len(self), size):
            yield list(self[start : start + size])


HEADS = (HeadSpec("causa", ("a", "b", "c"), (30, 20, 10)),)


def rows(num_rows: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    texts = Listed(
        " ".join("x" * random.integers(1, 9) for _ in range(random.integers(1, 30))) for _ in range(num_rows)
    )
    labels = random.integers(0, 3, num_rows)
    labels[::7] = MISSING
    return Rows(texts, {"causa": labels}, None, np.arange(num_rows))


CORPUS = Corpus("words", {"train": rows(61, 0), "val": rows(10, 1), "test": rows(11, 2)}, HEADS, {}, (), "abc")


def made(cache: Path, accumulation: int = 1, **changes: object) -> TextDataModule:
    plain: dict[str, object] = {
        "kind": "maintenance", "num_rows": 100, "difficulty": 0.5, "generator_seed": 0,
        "metric": "val/f1_macro", "batch_size": 4, "eval_batch_size": 4,
        "max_length": "auto", "max_tokens": None, "num_workers": 0, "pin_memory": False, "persistent_workers": True,
        "max_rows": {"train": None, "val": None, "test": None},
        "split": {"val": 0.1, "test": 0.1, "seed": 0, "stratify": True, "group": None, "train_on_val": False},
        "leaks": {"action": "refuse", "duplicate_share": None, "token_share": 0.9, "token_support": 20},
    }  # fmt: skip
    config = Maintenance.model_validate(plain | changes)
    data = TextDataModule(
        CORPUS,
        Words(),
        config,
        Cache(dir=str(cache), max_gib=1, hidden_states=False, dtype="auto"),
        lambda epoch: accumulation,
        0,
        False,
    )
    data.setup("fit")
    data.setup("test")
    return data


def test_a_batch_holds_its_rows_padded_to_its_longest(tmp_path: Path) -> None:
    data = made(tmp_path)
    for batch in data.train_dataloader():
        assert batch.mask.any(0).all(), "no column of padding alone"
        for place, row in enumerate(batch.rows.tolist()):
            expected = Words().encode([CORPUS.splits["train"].texts[row]], data.spec.max_length)[0]
            assert batch.ids[place][batch.mask[place]].tolist() == expected
            assert batch.labels["causa"][place] == CORPUS.splits["train"].labels["causa"][row]
        assert (batch.ids[~batch.mask] == 0).all()


def test_window_counts_are_those_of_all_its_micro_batches(tmp_path: Path) -> None:
    batches = list(made(tmp_path, accumulation=4).train_dataloader())
    for start in range(0, len(batches), 4):
        window = batches[start : start + 4]
        labels = torch.cat([batch.labels["causa"] for batch in window])
        expected = torch.bincount(labels[labels != MISSING], minlength=3)
        assert all(torch.equal(batch.window_counts["causa"], expected) for batch in window)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_goes_on_where_its_state_was_taken(tmp_path: Path, workers: int) -> None:
    data = made(tmp_path, num_workers=workers)
    whole = data.train_dataloader()
    whole.draws.set_epoch(3)  # type: ignore[union-attr]
    expected, state = [], {}
    for number, batch in enumerate(whole):
        expected.append(batch.rows.tolist())
        if number == 4:
            state = whole.state_dict()
    resumed = data.train_dataloader()
    resumed.load_state_dict(state)
    resumed.draws.set_epoch(3)  # type: ignore[union-attr]
    assert [batch.rows.tolist() for batch in resumed] == expected[5:]
    assert resumed.state_dict() == {"epoch": 3, "batches": len(expected)}
    resumed.draws.set_epoch(4)  # type: ignore[union-attr]
    assert sum(len(batch) for batch in resumed) == 61, "the next epoch is whole again"


def test_evaluation_sees_every_row_once(tmp_path: Path) -> None:
    seen = torch.cat([batch.rows for batch in made(tmp_path).test_dataloader()])
    assert sorted(seen.tolist()) == list(range(11))


def test_tokens_are_made_once_and_read_from_disk_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    monkeypatch.setattr(Words, "encode", lambda self, texts, max_length: pytest.fail("tokenised again"))
    monkeypatch.setattr(Words, "lengths", lambda self, texts: pytest.fail("measured again"))
    again = made(tmp_path)
    tokens = again.rows["train"].tokens
    assert isinstance(tokens.values.base, np.memmap), "memory-mapped, not copied"
    assert len(pickle.dumps(tokens)) < 500, "a loader process opens the file instead of being sent it"


def test_auto_takes_the_99th_percentile_and_says_what_is_cut() -> None:
    lengths = np.array([10] * 990 + [50] * 10, dtype=np.int32)
    assert resolve_max_length("auto", lengths, Words()) == 10
    assert resolve_max_length("auto", np.full(10, 500, np.int32), Words()) == 40
    facts = length_facts(lengths, 10, "words")
    assert facts["truncated_share"] == 0.01
    assert facts["lengths"] == {"p50": 10, "p95": 10, "p99": 10, "max": 50, "unit": "words"}


def test_a_max_length_beyond_the_model_is_refused() -> None:
    with pytest.raises(RequestError, match="at most 40 words"):
        resolve_max_length(41, np.array([3], np.int32), Words())


def test_a_budget_of_tokens_bounds_every_batch_and_resumes(tmp_path: Path) -> None:
    data = made(tmp_path, accumulation=2, batch_size=8, max_tokens=60)
    loader = data.train_dataloader()
    sizes, expected = [], []
    for number, batch in enumerate(loader):
        sizes.append(batch.mask.numel())
        expected.append(batch.rows.tolist())
        if number == 4:
            state = loader.state_dict()
    assert max(sizes) <= 60
    assert len({len(rows) for rows in expected}) > 1, "short texts stand in larger batches"
    assert len(expected) == data.num_batches() > 61 / 8
    resumed = data.train_dataloader()
    resumed.load_state_dict(state)
    assert [batch.rows.tolist() for batch in resumed] == expected[5:]


def test_a_budget_below_the_longest_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="has no room for a text"):
        made(tmp_path, max_tokens=5)


def test_kept_states_come_with_their_rows(tmp_path: Path) -> None:
    data = made(tmp_path)
    part = data.rows["train"]

    def make(rows: Any) -> Iterator[Any]:
        yield rows, torch.cat([torch.full((len(part.tokens[row]), 2), float(row)) for row in rows])

    result = obtain(
        tmp_path,
        Form("k", 2, "bf16"),
        [digest(np.array(row)) for row in range(61)],
        part.tokens.lengths.astype(np.int64),
        make,
    )
    part.states, part.depth = result.states, 3
    for batch in data.train_dataloader():
        assert batch.depth == 3
        assert batch.states.shape == (*batch.ids.shape, 2)
        assert torch.equal(batch.states[..., 0].float(), batch.mask * batch.rows[:, None].float())
