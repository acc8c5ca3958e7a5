"""The facts of real configs: rows, classes, language, task, and what is on this machine."""

from pathlib import Path

import pytest

import lab
from lab.config.rules.tasks import LABELLED, QUESTIONS, SERIES
from lab.core.batches import HeadSpec
from lab.training.auto.facts import classes_of, facts_of, machine_of


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("facts"))


def test_texts() -> None:
    facts = facts_of(lab.compose(["data.num_rows=1000"]))
    assert (facts.task, facts.rows, facts.classes, facts.language, facts.timed) == (LABELLED, 800, 15, "es", False)
    assert 0 < facts.rare_share < 1
    assert (facts.in_windows, 5 * 800 < facts.words < 50 * 800) == (False, True)


def test_rows_without_a_label_of_the_head_with_most_classes_do_not_count(tmp_path: Path) -> None:
    rows = [f"motor {n} falla,{'abcd'[n % 4]},{'xyzuv'[n % 5] if n % 3 == 0 else ''}" for n in range(300)]
    (tmp_path / "avisos.csv").write_text("\n".join(["texto,modo,causa", *rows]))
    words = ["data=csv", f"data.path={tmp_path / 'avisos.csv'}", "data.text=[texto]", "data.labels=[modo,causa]"]
    facts = facts_of(lab.compose(words))
    assert facts.classes == 5
    assert facts.labelled is not None
    assert facts.rows / 4 < facts.labelled < facts.rows / 2


def test_questions() -> None:
    facts = facts_of(lab.compose(["data=qa_demo", "data.num_contexts=40"]))
    assert facts.task == QUESTIONS
    assert facts.rows > 0


def test_series() -> None:
    facts = facts_of(lab.compose(["data=rainfall", "model=minirocket", "data.hours=1000", "data.stations=1"]))
    assert (facts.task, facts.classes, facts.timed) == (SERIES, 2, True)
    assert facts.feature_gib == facts.rows * 9996 * 4 / 2**30


def test_classes_are_of_the_head_with_most_of_them() -> None:
    heads = [HeadSpec("a", ("x", "y"), (5, 5)), HeadSpec("b", ("p", "q", "r", "s"), (30, 29, 100, 4))]
    assert classes_of(heads) == (4, 0.5)


def test_the_machine_knows_its_weights_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.models.text.weights._cached", lambda name: name if "beto" in name else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = lab.compose(["trainer.accelerator=cpu"])
    machine = machine_of(config)
    assert machine.weights == []
    monkeypatch.setattr("lab.models.text.weights._cached", lambda name: name if "spanish-wwm" in name else None)
    assert machine_of(config).weights == ["beto"]
    assert not machine.has_gpu()
