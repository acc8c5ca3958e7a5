"""Predictions and confidences of the test rows become part of the reference."""

import numpy as np
import pyarrow as pa

from lab.core.reference.content import Classes, Reference
from lab.training.reference.predictions import add_predictions


def test_predicted_classes_are_counted_in_the_order_of_the_head() -> None:
    reference = Reference({"cause": Classes(("leak", "wear", "none"), np.array([1, 1, 1]))})
    columns = {"cause_predicted": pa.array(["wear", "wear", "leak"]), "cause_probability": np.array([0.9, 0.8, 0.4])}
    add_predictions(reference, columns)
    assert reference.predicted["cause"].tolist() == [1, 2, 0]
    assert reference.numbers["confidence/cause"].histogram.num == 3


def test_answers_have_confidences_only_and_a_missing_one_is_counted() -> None:
    reference = Reference()
    add_predictions(reference, {"answer_probability": [0.5, None, 0.25]})
    assert reference.predicted == {}
    counted = reference.numbers["confidence/answer"].histogram
    assert (counted.num, counted.missing) == (2, 1)
