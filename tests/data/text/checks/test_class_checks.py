from lab.core.batches import HeadSpec
from lab.data.text.checks.class_checks import check_classes, same_but_spelling


def test_spellings_of_one_name_are_grouped_and_others_are_not() -> None:
    names = ["Fuga", "FUGA", "Elétrico", "eletrico", "con  dos", "con dos", "1", "1.0", "01", "2", "10", "ruido"]
    assert same_but_spelling(names) == [
        ("Fuga", "FUGA"),
        ("Elétrico", "eletrico"),
        ("con  dos", "con dos"),
        ("1", "1.0", "01"),
    ]
    assert same_but_spelling(["A", "B", "P-1", "P-01"]) == []


def test_they_are_reported_in_a_line_and_not_merged() -> None:
    result = check_classes(
        [HeadSpec("modo", ("Fuga", "FUGA", "ruido"), (3, 3, 3)), HeadSpec("causa", ("a", "b"), (3, 3))]
    )
    assert not result.mistakes
    (note,) = result.notes
    assert note.startswith("modo: ")
    assert "'Fuga' / 'FUGA'" in note
    assert result.facts["alike_classes"] == {"modo": [["Fuga", "FUGA"]]}
