"""Questions in splits, checked: the one thing that other rooms take of a source of questions.

Sources: SQuAD files (one per split, or one that is split here: `data.test_ids` name the test questions, validation is
drawn by document), the hub, and the generator. Same content gives the same splits and fingerprint, whatever the files
are called.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.config.schema import Questions
from lab.core.errors import Mistake, RequestError, listed
from lab.data.qa.document_split import blocks, by_block, drawn
from lab.data.qa.examples import SPLITS, Asked, capped, joined, narrowed
from lab.data.qa.question_rows import Reading
from lab.data.qa.source import ALL, opened
from lab.data.qa.summary import question_facts, question_notes


@dataclass(frozen=True)
class QuestionCorpus:
    """facts: plain types, for the run record. notes: lines for the terminal. fingerprint: hex digest of the content."""

    name: str
    splits: dict[str, Asked]
    facts: dict[str, object]
    notes: tuple[str, ...]
    fingerprint: str


def load_questions(data: Questions, cache: Path) -> QuestionCorpus:
    """Read, split and check. Raises RequestError with every mistake found together."""
    name, readings, test_ids = opened(data, cache)
    mistakes = [fault for split, reading in readings.items() for fault in _faults(data, split, reading)]
    if mistakes:
        raise RequestError(mistakes)
    whole = _split(data, readings, test_ids)
    lost = [question.id for question in whole["train"].questions if question.lost]
    whole["train"] = whole["train"].trainable()
    splits = {split: capped(asked, getattr(data.max_rows, split), data.split.seed) for split, asked in whole.items()}
    _refuse_unfit(splits, readings)
    leaks = {split: _asked_in_training(splits, split) for split in ("val", "test")}
    if data.leaks.action == "refuse" and (found := list(_leaking(leaks, data.leaks.duplicate_share))):
        raise RequestError(found)
    notes = question_notes(readings, splits, lost)
    if data.split.train_on_val:
        splits["train"] = joined(splits["train"], splits["val"].trainable())
        notes.append("train_on_val: val questions are trained on, their scores mean nothing, the last epoch is kept")
    digest = hashlib.sha256()
    for split in SPLITS:
        digest.update(json.dumps([split, *_plain(splits[split])], ensure_ascii=False).encode())
    facts = {"name": name, "fingerprint": digest.hexdigest(), "leaks": leaks} | question_facts(
        readings, splits, lost, data
    )
    return QuestionCorpus(name, splits, facts, tuple(notes), digest.hexdigest())


def _faults(data: Questions, split: str, reading: Reading) -> list[Mistake]:
    """What is wrong with the answers of a reading, its shape being right."""
    key = "data.path" if split == ALL else f"data.{split}"
    found = []
    share = len(reading.dropped) / max(1, reading.num_answers)
    if share > data.dropped_share:
        shown = listed([f"{one.text[:40]!r} (question {one.question})" for one in reading.dropped], 3)
        problem = f"{len(reading.dropped)} of {reading.num_answers} answers stand nowhere in their contexts: {shown}"
        remedy = "answers as they stand in the context"
        if share < 0.98:
            remedy += f", or data.dropped_share={round(share + 0.01, 2)}"
        found.append(Mistake(key, problem, remedy))
    unanswered = [question.id for question in reading.questions if not question.accepted]
    if unanswered and not data.no_answer:
        problem = f"{len(unanswered)} of {len(reading.questions)} questions have no answer: {listed(unanswered, 3)}"
        found.append(Mistake(key, problem, "data.no_answer=true"))
    return found


def _split(data: Questions, readings: Mapping[str, Reading], test_ids: list[str] | None) -> dict[str, Asked]:
    """Splits as given, missing ones drawn by document. Raises RequestError where there is too little to draw from."""
    pool_name = ALL if ALL in readings else "train"
    pool = readings[pool_name]
    found = {split: Asked(reading.contexts, reading.questions) for split, reading in readings.items() if split != ALL}
    split_of = dict.fromkeys((question.id for question in pool.questions), "")
    if test_ids is not None:
        unknown = [name for name in test_ids if name not in split_of]
        if unknown:
            problem = f"{len(unknown)} of {len(test_ids)} ids are of no question: {listed(unknown, 3)}"
            raise RequestError(Mistake("data.test_ids", problem, "ids as in the file of data.path"))
        split_of |= dict.fromkeys(test_ids, "test")
    lacking = [s for s in ("test", "val") if s not in found and not (s == "test" and test_ids is not None)]
    shares = {split: float(getattr(data.split, split)) for split in lacking}
    rest = [question for question in pool.questions if not split_of[question.id]]
    block_of = blocks(pool)
    used = sorted({block_of[question.context] for question in rest})
    if test_ids is not None and not rest:
        problem = f"names all {len(split_of)} questions, and none is left to train on"
        raise RequestError(Mistake("data.test_ids", problem, "the ids of the test questions alone"))
    if len(used) <= len(shares):
        problem = f"{len(used)} documents cannot fill train and {' and '.join(shares)}, which keep documents whole"
        raise RequestError(Mistake("data.split", problem, "data.train=FILE data.val=FILE data.test=FILE"))
    asked = Counter(block_of[question.context] for question in rest)
    numbers = [asked[block] for block in used]
    drawn_splits = dict(zip(used, drawn(numbers, shares, data.split.seed), strict=True))
    by_document = [drawn_splits.get(block, "train") for block in range(max(block_of) + 1)]
    split_of |= {q.id: split for q, split in zip(rest, by_block(rest, block_of, by_document), strict=True)}
    for split in SPLITS:
        if split not in found or split == pool_name:
            found[split] = Asked(pool.contexts, tuple(q for q in pool.questions if split_of[q.id] == split))
    return {split: narrowed(found[split]) for split in SPLITS}


def _refuse_unfit(splits: Mapping[str, Asked], readings: Mapping[str, Reading]) -> None:
    empty = [split for split in SPLITS if not splits[split].questions]
    if empty:
        ambiguous = sum(len(reading.ambiguous) for reading in readings.values())
        problem = f"no question is left for {listed(empty)}"
        if "train" in empty and ambiguous:
            problem += f": {ambiguous} answers do not stand where the file says, and their texts stand several times"
            raise RequestError(Mistake("data.ambiguous_answers", problem, "data.ambiguous_answers=nearest"))
        raise RequestError(Mistake("data", problem, "more documents"))
    if not any(question.answers for question in splits["train"].questions):
        raise RequestError(Mistake("data", "no training question has an answer", "a file with answers"))


def _asked_in_training(splits: Mapping[str, Asked], split: str) -> dict[str, float]:
    """How many questions of a split are asked in train, word for word, about the same context."""
    own, train = (
        [(question.text.casefold().split(), asked.contexts[question.context]) for question in asked.questions]
        for asked in (splits[split], splits["train"])
    )
    seen = {(tuple(words), context) for words, context in train}
    same = sum((tuple(words), context) in seen for words, context in own)
    return {"rows": len(own), "same": same, "same_share": same / len(own)}


def _leaking(leaks: Mapping[str, Mapping[str, float]], limit: float) -> Iterator[Mistake]:
    for split, found in leaks.items():
        if found["same_share"] > limit:
            problem = (
                f"{found['same']:.0f} of {found['rows']:.0f} questions of {split} are asked in train as well, "
                f"about the same context; the limit is {limit:.0%}"
            )
            remedy = "other files, or data.leaks.action=warn to train all the same"
            yield Mistake("data.leaks.duplicate_share", problem, remedy, limit)


def _plain(asked: Asked) -> list[object]:
    return [
        [
            *(q.id, q.text, asked.contexts[q.context], [[answer.text, answer.start] for answer in q.answers]),
            *(*q.unplaced, *q.ambiguous),
        ]
        for q in asked.questions
    ]
