"""Questions ready for training: windows of the three splits, their spec, and the facts about them for the record.

A question with a long context is several windows. The sampler draws windows, so such a question occurs several times
per epoch. Shapes: B windows, L tokens.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from lab.config.schema import Cache, Questions
from lab.core.batches import PairTokenizer, QuestionBatch, QuestionSpec
from lab.core.errors import Mistake, RequestError
from lab.data.batch_sampler import Draw
from lab.data.dataloader import Width
from lab.data.datamodule import DataModule
from lab.data.qa.corpus import QuestionCorpus
from lab.data.qa.splits import QuestionSplit
from lab.data.qa.windows import Windows, refuse_long_questions, windows


class WindowRows(Dataset[QuestionBatch]):
    """The windows of one split: a draw gives a batch that is padded to its longest window."""

    def __init__(self, split_windows: Windows, pad_id: int, width: Width) -> None:
        self.windows, self.pad_id, self.width = split_windows, pad_id, width

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, draw: Draw) -> QuestionBatch:
        rows = [self.windows[window] for window in draw.rows]
        lengths = np.array([len(row) for row in rows])
        mask = np.arange(self.width.of(lengths)) < lengths[:, None]
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
            whole=bool(mask.all()),
            is_filler=draw.is_filler,
        )


class QuestionDataModule(DataModule[WindowRows]):
    """The three splits of a corpus of questions.

    accumulation: epoch -> micro-batches per optimizer step. Raises RequestError if `data.max_length` is more than the
    model can read or too little for the longest question.
    """

    spec: QuestionSpec

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
        super().__init__(corpus.name, corpus.fingerprint, config, accumulation, seed, pin_memory)
        self.corpus, self.tokenizer, self.config, self.cache = corpus, tokenizer, config, cache
        self.cache_folder = Path(cache.dir).expanduser()
        self.references = {split: part.references() for split, part in corpus.splits.items()}
        """The contexts and accepted answers of each split, which answers are scored against."""
        self.spec = QuestionSpec(
            tokenizer.vocabulary_size,
            tokenizer.pad_id,
            config.max_length,
            config.language,
            config.max_answer,
            config.n_best,
            config.no_answer,
        )

    @property
    def facts(self) -> dict[str, object]:
        return {**self.corpus.facts, **self.window_facts}

    @cached_property
    def window_facts(self) -> dict[str, object]:
        """Facts about the windows of the training questions. Needs `setup("fit")`."""
        return window_facts(self.corpus.splits["train"], self.rows["train"].windows, self.config)

    def summary(self) -> str:
        """One line about the windows of the training questions."""
        facts = self.window_facts
        long = facts["answers_over_max_answer_share"]
        cut = facts["questions_without_window"]
        lost = f"; no window contains a whole answer of {cut} questions: increase data.stride" if cut else ""
        return (
            f"windows of {facts['max_length']} tokens, {facts['stride']} of them shared: {facts['train_windows']} "
            f"to train on; {long:.1%} of the answers are longer than data.max_answer={self.config.max_answer} "
            f"tokens{lost}"
        )

    def make_rows(self, split: str) -> WindowRows:
        part, key = self.corpus.splits[split], f"{self.corpus.fingerprint}/{split}"
        length, stride = self.config.max_length, self.config.stride
        width = Width(self.width_multiple, self.tokenizer.longest)
        made = windows(part, self.tokenizer, length, stride, self.cache_folder, key)
        return WindowRows(made, self.spec.pad_id, width)

    def evaluated_rows(self, split: str) -> npt.NDArray[np.int64]:
        """Return the places of the questions, of which a limited pass has those with a window in its batches."""
        if self.limits.get(split, 1.0) == 1.0:
            return np.arange(len(self.corpus.splits[split].questions))
        rows: npt.NDArray[np.int64] = np.unique(self.rows[split].windows.question_of[super().evaluated_rows(split)])
        return rows

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].windows.lengths


def window_facts(part: QuestionSplit, split_windows: Windows, config: Questions) -> dict[str, object]:
    """Return how the training questions became windows, and which answers cannot be learned or given.

    questions_without_window: questions with answers of which no window contains a whole one;
    answers_over_max_answer_share: of the windows with an answer, the share in which it is longer than the model may
    give.
    """
    with_answer = split_windows.spans[split_windows.spans[:, 1] > 0]
    lengths = with_answer[:, 1] - with_answer[:, 0] + 1
    long = float(np.mean(lengths > config.max_answer)) if len(with_answer) else 0.0
    answerable = {number for number, question in enumerate(part.questions) if question.answers}
    reached = set(split_windows.question_of[split_windows.spans[:, 1] > 0].tolist())
    per_question = np.bincount(split_windows.question_of, minlength=len(part.questions))
    return {
        "max_length": config.max_length,
        "stride": config.stride,
        "train_windows": len(split_windows),
        "windows_per_question": {"mean": float(per_question.mean()), "max": int(per_question.max())},
        "windows_with_answer": len(with_answer),
        "questions_without_window": len(answerable - reached),
        "answers_over_max_answer_share": long,
    }
