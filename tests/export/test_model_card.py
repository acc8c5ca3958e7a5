"""The model card: scores beside baselines, an interval where the record allows one, limits."""

import re
from pathlib import Path

from .conftest import Export


def test_the_card_has_scores_beside_baselines_and_limits(exported: Export, tmp_path: Path) -> None:
    exported("series")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| score on the test rows | model | 95 % interval | majority | persistence |" in card
    row = next(line for line in card.splitlines() if line.startswith("| accuracy |"))
    value, interval = row.split("|")[2:4]
    low, high = map(float, interval.split(" to "))
    assert low < float(value) < high
    assert "temperatures fitted on validation rows: temperature " in card
    assert "Trained by `python train.py`." in card
    assert "Against the best baseline, by a paired bootstrap:" in card
    verdict, rows = r"(Above|No better than|Below) \w+", r"[\d,]+ test rows in \d+ blocks of time"
    assert re.search(rf"- {verdict}: .+ \[.+\] \(95 % interval, {rows}\)\.", card)


def test_a_mean_over_heads_has_no_interval(exported: Export, tmp_path: Path) -> None:
    exported("ngram")
    card = (tmp_path / "model" / "README.md").read_text().splitlines()
    assert next(line for line in card if line.startswith("| accuracy |")).split("|")[3].strip() == ""
    assert " to " in next(line for line in card if line.startswith("| cause/accuracy |"))
    assert any(line.startswith("- Classes of `cause`, with their training rows: leak (48)") for line in card)
