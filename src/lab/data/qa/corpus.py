"""Checked questions in splits. Other rooms import only this module of the room.

A source is one file or hub split per split, or one file that is split here: `data.test_ids` names the test questions,
validation is drawn by document. The same content gives the same splits and fingerprint, whatever the files' names.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.config.schema import Questions
from lab.core.errors import Mistake, RequestError, listed
from lab.data.qa.question_rows import Reading
from lab.data.qa.source import ALL, open_source
from lab.data.qa.splits import SPLITS, QuestionSplit, blocks, capped, concatenated, draw_blocks, without_unused_contexts
from lab.data.qa.summary import question_facts, question_notes


@dataclass(frozen=True)
class QuestionCorpus:
    """Questions by split. facts: plain values for the run record; notes: lines for the terminal; fingerprint:
    hex digest of the content."""

    name: str
    splits: dict[str, QuestionSplit]
    facts: dict[str, object]
    notes: tuple[str, ...]
    fingerprint: str


def load_questions(data: Questions, cache: Path) -> QuestionCorpus:
    """Read, split and check the requested questions. Raises RequestError with all mistakes."""
    name, readings, test_ids = open_source(data, cache)
    mistakes = [fault for split, reading in readings.items() for fault in _faults(data, split, reading)]
    if mistakes:
        raise RequestError(mistakes)
    whole = _split(data, readings, test_ids)
    lost = [question.id for question in whole["train"].questions if question.lost]
    whole["train"] = whole["train"].trainable()
    splits = {split: capped(part, getattr(data.max_rows, split), data.split.seed) for split, part in whole.items()}
    _refuse_unfit(splits, readings)
    leaks = {split: _repeated_questions(splits, split) for split in ("val", "test")}
    if data.leaks.action == "refuse" and (problems := list(_leaking(leaks, data.leaks.duplicate_share))):
        raise RequestError(problems)
    notes = question_notes(readings, splits, lost)
    if data.split.train_on_val:
        splits["train"] = concatenated(splits["train"], splits["val"].trainable())
        notes.append(
            "train_on_val: val questions are trained on, so their scores mean nothing and the last epoch is kept"
        )
    digest = hashlib.sha256()
    for split in SPLITS:
        digest.update(json.dumps([split, *_plain(splits[split])], ensure_ascii=False).encode())
    facts = {"name": name, "fingerprint": digest.hexdigest(), "leaks": leaks} | question_facts(
        readings, splits, lost, data
    )
    return QuestionCorpus(name, splits, facts, tuple(notes), digest.hexdigest())


def _faults(data: Questions, split: str, reading: Reading) -> list[Mistake]:
    """Mistakes in the answers of a source."""
    key = "data.path" if split == ALL else f"data.{split}"
    mistakes = []
    share = len(reading.dropped) / max(1, reading.num_answers)
    if share > data.dropped_share:
        examples = listed([f"{answer.text[:40]!r} (question {answer.question})" for answer in reading.dropped], 3)
        problem = f"{len(reading.dropped)} of {reading.num_answers} answers do not occur in their contexts: {examples}"
        remedy = "answers as the context writes them"
        if share < 0.98:
            remedy += f", or data.dropped_share={round(share + 0.01, 2)}"
        mistakes.append(Mistake(key, problem, remedy))
    unanswered = [question.id for question in reading.questions if not question.accepted]
    if unanswered and not data.no_answer:
        problem = f"{len(unanswered)} of {len(reading.questions)} questions have no answer: {listed(unanswered, 3)}"
        mistakes.append(Mistake(key, problem, "data.no_answer=true"))
    return mistakes


def _split(data: Questions, readings: Mapping[str, Reading], test_ids: list[str] | None) -> dict[str, QuestionSplit]:
    """Splits as given; missing ones are drawn by document. Raises RequestError if there are too few documents."""
    pool_name = ALL if ALL in readings else "train"
    pool = readings[pool_name]
    splits = {
        split: QuestionSplit(reading.contexts, reading.questions) for split, reading in readings.items() if split != ALL
    }
    split_of = dict.fromkeys((question.id for question in pool.questions), "")
    if test_ids is not None:
        unknown = [name for name in test_ids if name not in split_of]
        if unknown:
            problem = f"{len(unknown)} of {len(test_ids)} ids belong to no question: {listed(unknown, 3)}"
            raise RequestError(Mistake("data.test_ids", problem, "ids as in the file of data.path"))
        split_of |= dict.fromkeys(test_ids, "test")
    to_draw = [s for s in ("test", "val") if s not in splits and not (s == "test" and test_ids is not None)]
    shares = {split: float(getattr(data.split, split)) for split in to_draw}
    rest = [question for question in pool.questions if not split_of[question.id]]
    block_of = blocks(pool)
    used = sorted({block_of[question.context] for question in rest})
    if test_ids is not None and not rest:
        problem = f"names all {len(split_of)} questions, so none is left to train on"
        raise RequestError(Mistake("data.test_ids", problem, "the ids of the test questions alone"))
    if len(used) <= len(shares):
        problem = f"{len(used)} documents cannot fill train and {' and '.join(shares)}, and a document is never divided"
        raise RequestError(Mistake("data.split", problem, "data.train=FILE data.val=FILE data.test=FILE"))
    num_questions = Counter(block_of[question.context] for question in rest)
    sizes = [num_questions[block] for block in used]
    split_of_block = dict(zip(used, draw_blocks(sizes, shares, data.split.seed), strict=True))
    split_of |= {question.id: split_of_block[block_of[question.context]] for question in rest}
    for split in SPLITS:
        if split not in splits or split == pool_name:
            splits[split] = QuestionSplit(pool.contexts, tuple(q for q in pool.questions if split_of[q.id] == split))
    return {split: without_unused_contexts(splits[split]) for split in SPLITS}


def _refuse_unfit(splits: Mapping[str, QuestionSplit], readings: Mapping[str, Reading]) -> None:
    empty = [split for split in SPLITS if not splits[split].questions]
    if empty:
        ambiguous = sum(len(reading.ambiguous) for reading in readings.values())
        problem = f"no question is left for {listed(empty)}"
        if "train" in empty and ambiguous:
            problem += f": {ambiguous} answers are not where the file says, and their texts occur several times"
            raise RequestError(Mistake("data.ambiguous_answers", problem, "data.ambiguous_answers=nearest"))
        raise RequestError(Mistake("data", problem, "more documents"))
    if not any(question.answers for question in splits["train"].questions):
        raise RequestError(Mistake("data", "no training question has an answer", "a file with answers"))


def _repeated_questions(splits: Mapping[str, QuestionSplit], split: str) -> dict[str, float]:
    """Number and share of a split's questions that train also has, word for word, about the same context."""
    own, train = (
        [(question.text.casefold().split(), part.contexts[question.context]) for question in part.questions]
        for part in (splits[split], splits["train"])
    )
    in_train = {(tuple(words), context) for words, context in train}
    same = sum((tuple(words), context) in in_train for words, context in own)
    return {"rows": len(own), "same": same, "same_share": same / len(own)}


def _leaking(leaks: Mapping[str, Mapping[str, float]], limit: float) -> Iterator[Mistake]:
    for split, leak in leaks.items():
        if leak["same_share"] > limit:
            problem = (
                f"{leak['same']:.0f} of {leak['rows']:.0f} questions of {split} are also in train, "
                f"about the same context; the limit is {limit:.0%}"
            )
            remedy = "other files, or data.leaks.action=warn to train all the same"
            yield Mistake("data.leaks.duplicate_share", problem, remedy, limit)


def _plain(part: QuestionSplit) -> list[object]:
    return [
        [
            *(q.id, q.text, part.contexts[q.context], [[answer.text, answer.start] for answer in q.answers]),
            *(*q.unplaced, *q.ambiguous),
        ]
        for q in part.questions
    ]
