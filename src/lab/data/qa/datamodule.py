"""Questions ready for training: windows of the three splits, their spec and loaders, and what the record says of them.

Batches are drawn as those of texts are (`lab.data.batch_sampler`); the unit drawn is the window, so a question with a
long context comes several times an epoch. Shapes: B windows, L tokens.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from lab.config.schema import Cache, Questions
from lab.core.batches import PairTokenizer, QuestionBatch, QuestionSpec
from lab.core.errors import Mistake, RequestError
from lab.data.batch_sampler import Draw, EvalDraws, TrainDraws
from lab.data.cache.store import prune
from lab.data.dataloader import Loader
from lab.data.qa.corpus import QuestionCorpus
from lab.data.qa.examples import Asked
from lab.data.qa.windows import Windows, refuse_long_questions, windows


class WindowRows(Dataset[QuestionBatch]):
    """The windows of one split; indexed by a draw, gives its batch padded to its longest window."""

    def __init__(self, found: Windows, pad_id: int) -> None:
        self.windows, self.pad_id = found, pad_id

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, draw: Draw) -> QuestionBatch:
        rows = [self.windows[window] for window in draw.rows]
        lengths = np.array([len(row) for row in rows])
        mask = np.arange(int(lengths.max())) < lengths[:, None]
        values = np.empty((*mask.shape, 4), np.int64)
        values[:] = (self.pad_id, 0, -1, -1)
        values[mask] = np.concatenate(rows)
        return QuestionBatch(
            ids=torch.from_numpy(values[..., 0].copy()),
            mask=torch.from_numpy(mask),
            segments=torch.from_numpy(values[..., 1].copy()),
            places=torch.from_numpy(values[..., 2:].copy()),
            spans=torch.from_numpy(self.windows.spans[draw.rows]),
            rows=torch.from_numpy(self.windows.question_of[draw.rows]),
            window_rows=torch.tensor(len(draw.window)),
        )


class QuestionData:
    """The three splits of a corpus as loaders.

    accumulation: epoch -> micro-batches per optimizer step. Raises RequestError where `data.max_length` is more than
    the model can read or too little for the longest question.
    """

    def __init__(
        self,
        corpus: QuestionCorpus,
        tokenizer: PairTokenizer,
        config: Questions,
        cache: Cache,
        accumulation: Callable[[int], int],
        seed: int,
        pin_memory: bool,
    ) -> None:
        if config.max_length > tokenizer.longest:
            problem = f"the model reads at most {tokenizer.longest} {tokenizer.unit}"
            remedy = f"data.max_length={tokenizer.longest}"
            raise RequestError(Mistake("data.max_length", problem, remedy, config.max_length))
        refuse_long_questions(corpus.splits, tokenizer, config.max_length, config.stride)
        self.config, self.accumulation, self.seed, self.pin_memory = config, accumulation, seed, pin_memory
        self.batch_size = config.batch_size
        folder = Path(cache.dir).expanduser()
        made = partial(_made, corpus, tokenizer, config, folder)
        self.rows = {split: WindowRows(made(split, asked), tokenizer.pad_id) for split, asked in corpus.splits.items()}
        prune(folder, cache.max_gib)
        self.spec = QuestionSpec(
            tokenizer.vocabulary_size,
            tokenizer.pad_id,
            config.max_length,
            config.language,
            config.max_answer,
            config.n_best,
            config.no_answer,
            {split: asked.references() for split, asked in corpus.splits.items()},
        )
        self.window_facts = window_facts(corpus.splits["train"], self.rows["train"].windows, config)

    def train_loader(self) -> Loader:
        return self._loader("train", self.train_draws())

    def val_loader(self) -> Loader:
        return self._loader("val", EvalDraws(self.rows["val"].windows.lengths, self.config.eval_batch_size))

    def test_loader(self) -> Loader:
        return self._loader("test", EvalDraws(self.rows["test"].windows.lengths, self.config.eval_batch_size))

    def train_draws(self, accumulation: Callable[[int], int] | None = None) -> TrainDraws:
        lengths, steps = self.rows["train"].windows.lengths, accumulation or self.accumulation
        return TrainDraws(lengths, self.batch_size, steps, self.seed)

    def num_batches(self) -> int:
        return len(self.train_draws())

    def whole_windows(self) -> Loader:
        """Training batches from the start each time, each an accumulation window of its own."""
        return Loader(self.rows["train"], self.train_draws(lambda _: 1), 0, False, False)

    def longest(self, size: int) -> QuestionBatch:
        """One training batch of the `size` longest windows, repeated where there are fewer: the worst for memory."""
        order = np.argsort(-self.rows["train"].windows.lengths.astype(np.int64), kind="stable")
        rows = np.resize(order, size)
        return self.rows["train"][Draw(rows, rows)]

    def _loader(self, split: str, draws: TrainDraws | EvalDraws) -> Loader:
        config = self.config
        return Loader(self.rows[split], draws, config.num_workers, self.pin_memory, config.persistent_workers)


def _made(
    corpus: QuestionCorpus, tokenizer: PairTokenizer, config: Questions, folder: Path, split: str, asked: Asked
) -> Windows:
    key = f"{corpus.fingerprint}/{split}"
    return windows(asked, tokenizer, config.max_length, config.stride, folder, key)


def window_facts(asked: Asked, found: Windows, config: Questions) -> dict[str, object]:
    """How the training questions became windows, and what of their answers is out of reach.

    questions_without_window: those of whose answers no window holds one whole; answers_over_max_answer_share: of the
    windows with an answer, those whose answer is longer than any that is given.
    """
    held = found.spans[found.spans[:, 1] > 0]
    lengths = held[:, 1] - held[:, 0] + 1
    long = float(np.mean(lengths > config.max_answer)) if len(held) else 0.0
    answerable = {number for number, question in enumerate(asked.questions) if question.answers}
    reached = set(found.question_of[found.spans[:, 1] > 0].tolist())
    per_question = np.bincount(found.question_of, minlength=len(asked.questions))
    return {
        "max_length": config.max_length,
        "stride": config.stride,
        "train_windows": len(found),
        "windows_per_question": {"mean": float(per_question.mean()), "max": int(per_question.max())},
        "windows_with_answer": len(held),
        "questions_without_window": len(answerable - reached),
        "answers_over_max_answer_share": long,
    }
