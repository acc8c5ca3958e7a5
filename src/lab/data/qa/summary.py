"""What the record and the terminal say of questions: counts, and every answer that is not trained on by name."""

from collections.abc import Iterator, Mapping, Sequence

from lab.config.schema import Questions
from lab.core.errors import listed
from lab.data.qa.answer_offsets import CHARACTERS
from lab.data.qa.examples import SPLITS, Asked
from lab.data.qa.question_rows import Dropped, Reading
from lab.data.qa.source import ALL

MOST_LISTED = 20
"""Dropped answers and questions without any that a run's record names."""


def question_facts(
    readings: Mapping[str, Reading], splits: Mapping[str, Asked], lost: Sequence[str], data: Questions
) -> dict[str, object]:
    dropped = [one for reading in readings.values() for one in reading.dropped]
    ambiguous = [one for reading in readings.values() for one in reading.ambiguous]
    return {
        "rows": {split: len(splits[split].questions) for split in SPLITS},
        "contexts": {split: len(splits[split].contexts) for split in SPLITS},
        "unanswered": {split: sum(not q.accepted for q in splits[split].questions) for split in SPLITS},
        "unplaced": {split: sum(q.lost for q in splits[split].questions) for split in SPLITS},
        "answers_repaired": sum(reading.repaired for reading in readings.values()),
        "answers_dropped": len(dropped),
        "dropped": _shown(dropped),
        "answers_ambiguous": len(ambiguous),
        "ambiguous": _shown(ambiguous),
        "offsets": {split: str(reading.counting) for split, reading in readings.items()},
        "questions_lost": list(lost[:MOST_LISTED]),
        "val_contexts_in_train": _shared(splits, "val"),
        "test_contexts_in_train": _shared(splits, "test"),
        "language": data.language,
    }


def _shown(answers: Sequence[Dropped]) -> list[dict[str, str]]:
    return [{"question": one.question, "text": one.text} for one in answers[:MOST_LISTED]]


def question_notes(readings: Mapping[str, Reading], splits: Mapping[str, Asked], lost: Sequence[str]) -> list[str]:
    counts = ", ".join(f"{split} {len(splits[split].questions)}" for split in SPLITS)
    notes = [f"questions: {counts}; contexts: {', '.join(str(len(splits[split].contexts)) for split in SPLITS)}"]
    notes += list(_counting_notes(readings))
    repaired = sum(reading.repaired for reading in readings.values())
    if repaired:
        notes.append(f"{repaired} answers did not stand where the file says and were moved to where they do")
    for reading in readings.values():
        notes += [f"accepted, not trained on: {one.text!r} stands nowhere in its context (question {one.question})"
                  for one in reading.dropped[:MOST_LISTED]]  # fmt: skip
    if ambiguous := [one for reading in readings.values() for one in reading.ambiguous]:
        named = listed([f"{one.text[:40]!r} (question {one.question})" for one in ambiguous], 5)
        notes.append(
            f"{len(ambiguous)} answers do not stand where the file says, and their texts stand several times: "
            f"accepted, not trained on (data.ambiguous_answers=nearest moves them to the nearest place): {named}"
        )
    if lost:
        notes.append(f"{len(lost)} questions lost all their answers and are not trained on: {listed(lost, 3)}")
    graded = sum(question.lost for split in ("val", "test") for question in splits[split].questions)
    if graded:
        notes.append(f"{graded} questions of val and test are graded on answers whose place is not known")
    for split in ("val", "test"):
        if shared := _shared(splits, split):
            notes.append(f"{shared} contexts of the {split} split are in train as well: its scores flatter the model")
    return notes


def _counting_notes(readings: Mapping[str, Reading]) -> Iterator[str]:
    """What the files count and lack otherwise than SQuAD's own."""
    for split, reading in readings.items():
        key = "data.path" if split == ALL else f"data.{split}"
        if reading.counting != CHARACTERS:
            yield f"{key}: answer_start counts {reading.counting}, not characters: it is read so"
        if reading.made_ids:
            num = f"{reading.made_ids} of {len(reading.questions)}"
            yield f"{key}: {num} questions have no id and are named by their place in the file"


def _shared(splits: Mapping[str, Asked], split: str) -> int:
    """Contexts that stand, word for word, in this split and in training."""
    return len(set(splits["train"].contexts) & set(splits[split].contexts))
