"""Two and three processes give the losses, scores and weights of one, at an equal global batch: fp32, no dropout."""

from collections.abc import Callable
from typing import Any

import pytest

TOLERANCE = 1e-4


def assert_close(one: Any, several: Any, where: str = "") -> None:
    """Numbers in nested lists and maps differ by at most `TOLERANCE`; everything else is equal."""
    if isinstance(one, dict):
        assert one.keys() == several.keys(), where
        for name in one:
            assert_close(one[name], several[name], f"{where}/{name}")
    elif isinstance(one, list):
        assert len(one) == len(several), where
        for place, (left, right) in enumerate(zip(one, several, strict=True)):
            assert_close(left, right, f"{where}[{place}]")
    elif isinstance(one, float):
        assert several == pytest.approx(one, abs=TOLERANCE, nan_ok=True), where
    else:
        assert one == several, where


def assert_equal_to_one(results: dict[int, list[dict[str, Any]]]) -> None:
    (one,) = results.pop(1)
    own = one.pop("weights")
    assert len(set(own)) == len(own), "each epoch changes the weights"
    for ranks in results.values():
        weights = [rank.pop("weights") for rank in ranks]
        assert all(each == weights[0] for each in weights), "after each epoch, all processes have the same weights"
        for rank in ranks:
            assert_close(one, rank)


@pytest.fixture(scope="module")
def texts(ran: Callable[..., Any]) -> Any:
    return ran(["text", "extra"], 1, 2)


def test_texts_with_missing_labels_and_odd_tails(texts: Any) -> None:
    assert_equal_to_one(texts["text"])


def test_metrics_of_torchmetrics_per_head(texts: Any) -> None:
    (one,) = texts["extra"][1]
    for epochs, split in ((one["epochs"], "val"), (one["epochs"], "train"), (one["few"], "val")):
        assert {f"{split}/{head}/auroc" for head in ("modo", "causa")} <= set(epochs[0])
    assert_equal_to_one(texts["extra"])


OTHERS = ["custom", "unfreezing", "series", "norms", "pretraining", "questions", "streamed"]


@pytest.fixture(scope="module")
def others(ran: Callable[..., Any]) -> Any:
    return ran(OTHERS, 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("case", OTHERS)
def test_other_tasks_custom_modules_and_unfreezing(case: str, others: Any) -> None:
    assert_equal_to_one(others[case])
