"""What all predictors share: devices, batches of similar length, cells as training reads them."""

import pytest

from lab.core.errors import RequestError
from lab.inference.predictor import by_length, cell_text, device_of, rounded


def test_batches_have_items_of_similar_length_and_every_item_once() -> None:
    batches = list(by_length([5, 1, 4, 1, 3], 2))
    assert batches == [[1, 3], [4, 2], [0]]
    assert list(by_length([], 2)) == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, None), ("007", "007"), (3.0, "3"), (2.5, "2.5"), (float("nan"), None), (True, "true"), (4, "4"),
     (["a", "ñ"], '["a", "ñ"]')],
)  # fmt: skip
def test_a_cell_is_the_text_that_training_read(cell: object, text: str | None) -> None:
    assert cell_text(cell) == text


def test_a_device_that_is_not_there_is_refused() -> None:
    assert device_of("cpu").type == "cpu"
    with pytest.raises(RequestError, match="device=cuda:97: is not on this machine"):
        device_of("cuda:97")


def test_probabilities_have_seven_digits() -> None:
    assert rounded(0.123456789) == 0.1234568
