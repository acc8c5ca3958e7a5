import numpy as np
import pyarrow as pa
import pytest

from lab.core.batches import MISSING, HeadSpec
from lab.data.readers.text_table import Table
from lab.data.text.checks import shortcuts as module
from lab.data.text.checks.shortcuts import Shortcut, shortcuts
from lab.data.text.text_columns import ColumnTexts


def _texts(values: list[str]) -> ColumnTexts:
    return ColumnTexts(Table(pa.table({"text": values})), ("text",), " ", (), np.arange(len(values)))


def _found(values: list[str], labels: list[int], share: float = 0.98, support: int = 20) -> list[Shortcut]:
    codes = np.array(labels)
    counts = np.bincount(codes[codes != MISSING], minlength=2)
    head = HeadSpec("modo", ("A", "B"), tuple(counts.tolist()))
    return shortcuts(_texts(values), {"modo": codes}, [head], share, support)


def test_a_word_that_decides_a_label_is_named_with_its_counts() -> None:
    values = [f"bomba palabra{i} {'PRIORIDAD4' if i % 2 else 'otra'}" for i in range(100)]
    result = {shortcut.word: shortcut for shortcut in _found(values, [i % 2 for i in range(100)])}
    assert set(result) == {"prioridad4", "otra"}
    assert result["prioridad4"] == Shortcut("modo", "prioridad4", "B", 50, 1.0)
    assert "modo=B in 100.0% of 50 rows" in str(result["prioridad4"])


def test_share_and_support_are_limits() -> None:
    values = ["clave" if i % 2 else "nada" for i in range(100)]
    labels = [i % 2 for i in range(100)]
    labels[1] = 0
    assert [shortcut.word for shortcut in _found(values, labels, share=0.99)] == ["nada"]
    assert {shortcut.word for shortcut in _found(values, labels, share=0.98)} == {"nada", "clave"}
    assert _found(values, labels, support=60) == []


def test_a_large_majority_names_no_word() -> None:
    values = [f"palabra{i % 7} comun" for i in range(400)]
    assert _found(values, [0] * 396 + [1] * 4) == []


def test_missing_labels_do_not_count() -> None:
    values = ["clave"] * 30 + ["nada"] * 30
    result = _found(values, [1] * 25 + [MISSING] * 5 + [0] * 30)
    assert {shortcut.word: shortcut.support for shortcut in result} == {"clave": 25, "nada": 30}


def test_the_sample_spreads_over_files_sorted_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    result = _found(["uno"] * 500 + ["dos"] * 500, [0] * 500 + [1] * 500)
    assert {shortcut.word: shortcut.support for shortcut in result} == {"uno": 50, "dos": 50}


def test_long_texts_shrink_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 40 * 13)
    result = _found(["palabra larga"] * 500 + ["otra más lar."] * 500, [0] * 500 + [1] * 500, support=5)
    assert {shortcut.support for shortcut in result} == {20}
