import numpy as np

from lab.core.batches import MISSING, HeadSpec
from lab.data.text.checks.class_checks import check_classes, unvalidated_classes


def test_they_are_reported_in_a_line_and_not_merged() -> None:
    result = check_classes(
        [HeadSpec("modo", ("Fuga", "FUGA", "ruido"), (3, 3, 3)), HeadSpec("causa", ("a", "b"), (3, 3))]
    )
    assert not result.mistakes
    (note,) = result.notes
    assert note.startswith("modo: ")
    assert "'Fuga' / 'FUGA'" in note
    assert note.endswith("type data.merge_spellings=true (docs/texts.md, One class in several spellings)")
    assert result.facts["alike_classes"] == {"modo": [["Fuga", "FUGA"]]}


def test_classes_that_validation_cannot_score_are_named() -> None:
    heads = [HeadSpec("modo", ("a", "b", "c", "d"), (3, 3, 1, 0)), HeadSpec("causa", ("x", "y"), (3, 3))]
    labels = {"modo": np.array([0, 1, MISSING]), "causa": np.array([0, 1, 1])}
    (note,) = unvalidated_classes(heads, labels).notes
    assert note == "modo: 1 classes of train are not in val, which cannot score them: c"


def test_a_head_with_one_class_is_left_out_or_replaced() -> None:
    single, several = HeadSpec("modo", ("a", "b"), (3, 0)), HeadSpec("causa", ("x", "y"), (3, 3))
    (mistake,) = check_classes([single, several]).mistakes
    assert mistake.remedy == "leave it out: 'data.labels=[causa]'"
    (mistake,) = check_classes([single], lambda: ["tipo"]).mistakes
    assert mistake.remedy == "'data.labels=[tipo]'"
