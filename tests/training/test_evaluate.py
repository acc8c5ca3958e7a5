"""The line that compares the scores of a second test with the record."""

from lab.training.evaluate import compare_with_recorded


def test_scores_are_compared_with_those_of_the_record() -> None:
    line = compare_with_recorded(
        {"f1_macro": 0.5, "loss": 1.0, "auc": 0.7}, {"f1_macro": 0.25, "loss": 1.0, "auc": None}
    )
    assert line == "largest difference from the recorded test scores: 2.5e-01 over 2 scores"


def test_a_run_that_ended_before_its_test_has_no_scores_to_compare() -> None:
    assert "no test scores are recorded" in compare_with_recorded({"f1_macro": 0.5}, {})
