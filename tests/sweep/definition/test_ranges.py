"""Keys that do not act are left out of a file's search and refused where typed; a resumed study keeps them."""

from pathlib import Path

from lab.core.record.run_folder import StudyFolder
from lab.sweep.definition.ranges import acting, recorded

RIDGE = {"model": {"kind": "minirocket", "name": "minirocket", "head": "ridge"}}
BLOCK = {"optimizer.lr": "choice(1, 2)", "model.num_features": "choice(84, 168)"}


def test_a_key_of_the_file_is_left_out_and_said() -> None:
    rest, notes, mistakes = acting(BLOCK, {}, RIDGE, {})
    assert list(rest) == ["model.num_features"]
    assert mistakes == []
    assert notes == ["left out of the search: optimizer.lr, which does not act on model=minirocket with "
                     "model.head=ridge, which is solved and not trained by steps"]  # fmt: skip


def test_a_typed_key_is_refused() -> None:
    _, notes, mistakes = acting(BLOCK, {"optimizer.lr"}, RIDGE, {})
    assert notes == []
    assert [mistake.key for mistake in mistakes] == ["optimizer.lr"]
    assert "its trials would be equal" in mistakes[0].problem


def test_a_search_of_nothing_is_refused() -> None:
    _, _, mistakes = acting({"optimizer.lr": "choice(1, 2)"}, {}, RIDGE, {})
    assert [mistake.key for mistake in mistakes] == ["sweep.search_space"]
    assert mistakes[0].remedy == "'model.num_features=choice(4998,9996)'"


def test_a_searched_model_and_a_resumed_study_leave_nothing_out() -> None:
    models = {**BLOCK, "model": "choice(minirocket, patchtst)"}
    heads = {"c": {"type": "choice", "values": [{"model.head": "ridge"}, {"model.head": "logistic"}]}, **BLOCK}
    assert acting(models, {}, RIDGE, {}) == (models, [], [])
    assert acting(heads, {}, RIDGE, {}) == (heads, [], [])
    assert acting(BLOCK, {}, RIDGE, BLOCK) == (BLOCK, [], [])


def test_the_recorded_space(tmp_path: Path) -> None:
    assert recorded(tmp_path / "none") == {}
    StudyFolder(tmp_path).write_study({"search_space": {"seed": "choice(1, 2)"}})
    assert recorded(tmp_path) == {"seed": "choice(1, 2)"}
