"""Ids of tracking services outlive the process."""

from pathlib import Path

import pytest

from lab.core.record.tracking_ids import FILE, UniqueNames, lost, mark_lost, mlflow_name, recall, remember


def test_each_logger_keeps_its_own_id(tmp_path: Path) -> None:
    assert recall(tmp_path, "wandb") is None
    remember(tmp_path, "wandb", "a1")
    remember(tmp_path, "mlflow", "b2")
    remember(tmp_path, "wandb", "a3")
    assert (recall(tmp_path, "wandb"), recall(tmp_path, "mlflow")) == ("a3", "b2")


def test_what_a_logger_lost_is_kept_until_it_starts_again(tmp_path: Path) -> None:
    remember(tmp_path, "wandb", "a1")
    mark_lost(tmp_path, "mlflow", "ConnectionError: no route")
    mark_lost(tmp_path, "csv", "OSError: full")
    assert recall(tmp_path, "wandb") == "a1"
    assert recall(tmp_path, "lost") is None
    remember(tmp_path, "mlflow", "b2")
    assert lost(tmp_path) == {"csv": "OSError: full"}


@pytest.mark.parametrize("text", ["[]", "null", '{"lost": 5, "mlflow": ["a"]}'])
def test_an_odd_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert (recall(tmp_path, "mlflow"), lost(tmp_path)) == (None, {})


def test_unique_names_do_not_depend_on_their_order() -> None:
    names = ["a@b", "a_b", "a#b", "ab", "x" * 300, "x" * 301]
    straight, said = UniqueNames().of(names), list[str]()
    names.reverse()
    backwards = UniqueNames(say=lambda name, became: said.append(name))
    assert {name: backwards.of(names)[name] for name in names} == straight
    assert straight["a_b"] == "a_b"
    assert len(set(straight.values())) == len(names)
    assert all(len(name) <= 250 for name in straight.values())
    assert sorted(said) == ["a#b", "a@b", "x" * 301]
    assert backwards.of(["a_b", "new@", "new_"]) == {"a_b": "a_b", "new@": "new__2", "new_": "new_"}


@pytest.mark.parametrize(
    ("name", "cleaned"), [("a//b", "a/_/b"), ("/a", "_/a"), ("a/.", "a/_"), ("../a", "__/a"), ("a/", "a/_"), ("", "_")]
)
def test_a_name_is_no_odd_path(name: str, cleaned: str) -> None:
    assert mlflow_name(name) == cleaned


@pytest.mark.parametrize(
    "text",
    ['{"wandb": "yours"}', '{"wandb": "yours", "seal": null}', '{"wandb": "yours", "seal": "00"}'],
)
def test_an_id_in_somebody_elses_folder_names_no_run_of_yours(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert recall(tmp_path, "wandb") is None
    remember(tmp_path, "mlflow", "b2")
    assert (recall(tmp_path, "wandb"), recall(tmp_path, "mlflow")) == (None, "b2")


def test_a_changed_id_is_not_believed(tmp_path: Path) -> None:
    remember(tmp_path, "wandb", "a1")
    path = tmp_path / FILE
    path.write_text(path.read_text().replace("a1", "z9"))
    assert recall(tmp_path, "wandb") is None


def test_a_lost_logger_is_known_whoever_wrote_it(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"lost": {"csv": "full"}, "wandb": "yours"}')
    mark_lost(tmp_path, "mlflow", "no route")
    assert lost(tmp_path) == {"csv": "full", "mlflow": "no route"}
    assert recall(tmp_path, "wandb") is None


def test_without_a_key_no_id_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    remember(tmp_path, "wandb", "a1")
    assert recall(tmp_path, "wandb") is None
