"""The limits of a run's novelty, fitted on its validation rows. The token ids of the training rows are read once."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.core.reference.content import unknown_shares_of_rows
from lab.data.qa.datamodule import QuestionDataModule
from lab.data.qa.windows import without_overlap
from lab.data.series.datamodule import SeriesDataModule
from lab.data.text.datamodule import TextDataModule
from lab.training.doubt.novelty import (
    Novelty,
    common_of,
    common_tokens,
    energies,
    fit_limits,
    measures_of_texts,
    question_measures,
    window_measures,
)
from lab.training.evaluation.base import HeldOut
from lab.training.evaluation.question_answering import ANSWER
from lab.training.reference.series import train_rows

CHUNK = 1000


def text_novelty(data: TextDataModule, val: HeldOut) -> Novelty:
    """Return the limits of texts."""
    data.setup("fit")
    unknown: int | None = getattr(data.tokenizer, "unknown_id", None)
    never = [] if unknown is None else [unknown]
    common = common_of(data.rows["train"].tokens.counts(data.spec.vocabulary_size), never)
    texts = data.corpus.splits["val"].texts.at(val.rows)
    lengths = [pc.utf8_length(pa.array(batch, pa.string())).to_numpy() for batch in texts.batches(CHUNK)]
    tokens = data.rows["val"].tokens
    rare = unknown_shares_of_rows(tokens.values, tokens.offsets, common)[val.rows]
    measures = measures_of_texts(np.concatenate(lengths), tokens.lengths[val.rows], rare, _energies(val))
    return Novelty(fit_limits(measures), common)


def question_novelty(data: QuestionDataModule, val: HeldOut) -> Novelty:
    """Return the limits of questions with their contexts."""
    data.setup("fit")
    unknown: int | None = getattr(data.tokenizer, "unknown_id", None)
    trained, windows = data.rows["train"].windows, data.rows["val"].windows
    never = [] if unknown is None else [unknown]
    common = common_tokens(trained.values[:, 0], data.spec.vocabulary_size, never)
    of_question: dict[int, list[npt.NDArray[np.int32]]] = {row: [] for row in val.rows.tolist()}
    for place, row in enumerate(windows.question_of.tolist()):
        if row in of_question:
            of_question[row].append(windows[place])
    part = data.corpus.splits["val"]
    questions = [part.questions[row] for row in of_question]
    characters = np.array([len(each.text) + len(part.contexts[each.context]) for each in questions])
    scores = val.heads[ANSWER].scores.max(1)
    ids = [without_overlap(parts) for parts in of_question.values()]
    return Novelty(fit_limits(question_measures(characters, ids, common, scores)), common)


def window_novelty(data: SeriesDataModule, val: HeldOut) -> Novelty:
    """Return the limits of windows or cases."""
    data.setup("fit")
    series, rows = data.series, data.rows["val"]
    names = series.panel.columns[: series.num_measured]
    known = series.panel.values[train_rows(data)][:, : len(names)]
    ranges = {name: (float(np.nanmin(each)), float(np.nanmax(each)))
              for name, each in zip(names, known.T, strict=True) if not np.isnan(each).all()}  # fmt: skip
    bounds = [ranges.get(name, (-np.inf, np.inf)) for name in names]
    energy, parts, size = _energies(val), [], 1 if series.leave_one_out else CHUNK
    others = _ranges_without(data, len(names)) if series.leave_one_out else None
    for start in range(0, len(val.rows), size):
        part = slice(start, start + size)
        own = bounds if others is None else others[val.rows[start]]
        parts.append(window_measures(*rows.arrays(val.rows[part]), own, energy[part]))
    measures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Novelty(fit_limits(measures), None, ranges)


def _ranges_without(data: SeriesDataModule, num: int) -> list[list[tuple[float, float]]]:
    """Per training case, the ranges of the `num` first channels in all other cases."""
    cut, values = data.series.splits["train"], data.series.panel.values
    lows = np.full((len(cut), num), np.inf)
    highs = np.full((len(cut), num), -np.inf)
    for place, (end, length) in enumerate(zip(cut.ends.tolist(), cut.lengths.tolist(), strict=True)):
        own = values[end - length + 1 : end + 1, :num]
        np.fmin.reduce(own, 0, out=lows[place], initial=np.inf)
        np.fmax.reduce(own, 0, out=highs[place], initial=-np.inf)
    low, high = np.sort(lows, 0), np.sort(highs, 0)
    low, high = (np.where(lows == low[0], low[1], low[0]), np.where(highs == high[-1], high[-2], high[-1]))
    return [list(zip(*pair, strict=True)) for pair in zip(low.tolist(), high.tolist(), strict=True)]


def _energies(val: HeldOut) -> npt.NDArray[np.float64]:
    return energies([rows.scores for rows in val.heads.values()])
