"""What would be written through a link is found wherever it lies."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from lab.core.symlinks import links_out


@pytest.mark.parametrize("name", ["run", "wandb"])
def test_a_link_is_found_below_any_folder_and_behind_many_files(tmp_path: Path, name: str) -> None:
    run = tmp_path / name
    (run / "checkpoints").mkdir(parents=True)
    (run / "a").mkdir()
    for number in range(10_050):
        (run / "a" / str(number)).touch()
    (run / "checkpoints" / "best.ckpt").symlink_to(tmp_path / "victim")
    assert [mistake.key for mistake in links_out(run, "resume")] == ["resume"]


@pytest.mark.parametrize("name", ["train.log", "history.jsonl"])
def test_a_second_name_of_a_file_that_grows_is_refused_and_the_remedy_works(tmp_path: Path, name: str) -> None:
    run = tmp_path / "a run"
    run.mkdir()
    (tmp_path / "victim").write_text("kept")
    os.link(tmp_path / "victim", run / name)
    (mistake,) = links_out(run, "test")
    assert f"{name} has a second name" in mistake.problem
    subprocess.run(mistake.remedy, shell=True, check=True)  # as one types it
    assert links_out(run, "test") == []
    assert (run / name).read_text() == "kept"


def test_a_second_name_of_a_file_that_is_replaced_is_fine(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "config.yaml").touch()
    os.link(tmp_path / "config.yaml", tmp_path / "run" / "config.yaml")
    assert links_out(tmp_path / "run", "test") == []


def test_remedies_are_typed_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "it's").symlink_to("/etc")
    (mistake,) = links_out(tmp_path, "test")
    assert shlex.split(mistake.remedy) == ["rm", str(tmp_path / "it's")]
