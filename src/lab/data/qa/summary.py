"""Facts and lines about questions for the run record and the terminal: counts, and answers that are not trained on."""

from collections.abc import Iterator, Mapping, Sequence

from lab.config.schema import Questions
from lab.core.errors import listed
from lab.data.qa.answer_offsets import CHARACTERS
from lab.data.qa.question_rows import Dropped, Reading
from lab.data.qa.source import ALL
from lab.data.qa.splits import SPLITS, QuestionSplit

MAX_LISTED = 20
"""Number of dropped answers, and of questions without answers, that a run's record names."""


def question_facts(
    readings: Mapping[str, Reading], splits: Mapping[str, QuestionSplit], lost: Sequence[str], data: Questions
) -> dict[str, object]:
    """Return the facts for the run record. lost: ids of training questions without an answer of known place."""
    dropped = [answer for reading in readings.values() for answer in reading.dropped]
    ambiguous = [answer for reading in readings.values() for answer in reading.ambiguous]
    return {
        "rows": {split: len(splits[split].questions) for split in SPLITS},
        "contexts": {split: len(splits[split].contexts) for split in SPLITS},
        "unanswered": {split: sum(not q.accepted for q in splits[split].questions) for split in SPLITS},
        "unplaced": {split: sum(q.lost for q in splits[split].questions) for split in SPLITS},
        "answers_repaired": sum(reading.repaired for reading in readings.values()),
        "answers_dropped": len(dropped),
        "dropped": _listed(dropped),
        "answers_ambiguous": len(ambiguous),
        "ambiguous": _listed(ambiguous),
        "offsets": {split: str(reading.counting) for split, reading in readings.items()},
        "questions_lost": list(lost[:MAX_LISTED]),
        "val_contexts_in_train": _shared(splits, "val"),
        "test_contexts_in_train": _shared(splits, "test"),
        "language": data.language,
    }


def _listed(answers: Sequence[Dropped]) -> list[dict[str, str]]:
    return [{"question": answer.question, "text": answer.text} for answer in answers[:MAX_LISTED]]


def question_notes(
    readings: Mapping[str, Reading], splits: Mapping[str, QuestionSplit], lost: Sequence[str]
) -> list[str]:
    """Return the lines for the terminal. lost: ids of training questions without an answer of known place."""
    counts = ", ".join(f"{split} {len(splits[split].questions)}" for split in SPLITS)
    notes = [f"questions: {counts}; contexts: {', '.join(str(len(splits[split].contexts)) for split in SPLITS)}"]
    notes += list(_counting_notes(readings))
    repaired = sum(reading.repaired for reading in readings.values())
    if repaired:
        notes.append(f"{repaired} answers were not where the file says and were moved to the right place")
    for reading in readings.values():
        notes += [
            f"accepted, not trained on: {answer.text!r} does not occur in its context (question {answer.question})"
            for answer in reading.dropped[:MAX_LISTED]
        ]
    if ambiguous := [answer for reading in readings.values() for answer in reading.ambiguous]:
        examples = listed([f"{answer.text[:40]!r} (question {answer.question})" for answer in ambiguous], 5)
        notes.append(
            f"{len(ambiguous)} answers are not where the file says, and their texts occur several times: "
            f"accepted, not trained on (data.ambiguous_answers=nearest moves them to the nearest place): {examples}"
        )
    if lost:
        notes.append(f"{len(lost)} questions lost all their answers and are not trained on: {listed(lost, 3)}")
    graded = sum(question.lost for split in ("val", "test") for question in splits[split].questions)
    if graded:
        notes.append(
            f"{graded} questions of val and test are graded on answers whose place in the context is not known"
        )
    for split in ("val", "test"):
        if shared := _shared(splits, split):
            notes.append(f"{shared} contexts of the {split} split are also in train: its scores are too high")
    return notes


def _counting_notes(readings: Mapping[str, Reading]) -> Iterator[str]:
    """Differences between the files and SQuAD's own: another unit of offsets, questions without ids."""
    for split, reading in readings.items():
        key = "data.path" if split == ALL else f"data.{split}"
        if reading.counting != CHARACTERS:
            yield f"{key}: answer_start counts {reading.counting}, not characters, and is read accordingly"
        if reading.made_ids:
            num = f"{reading.made_ids} of {len(reading.questions)}"
            yield f"{key}: {num} questions have no id and are named by their place in the file"


def _shared(splits: Mapping[str, QuestionSplit], split: str) -> int:
    """Number of contexts that are, word for word, in this split and in training."""
    return len(set(splits["train"].contexts) & set(splits[split].contexts))
