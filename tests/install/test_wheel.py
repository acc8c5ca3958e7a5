"""The wheel holds the package and the configs, and works in an environment that has never seen the repository."""

import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Environment

SHORT = ["data.num_rows=200", "trainer.max_epochs=1", "trainer.threads=1", "logger=csv", "callbacks.curves.png=false"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files(folder: str) -> set[str]:
    result = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT / folder).as_posix() for path in result}


def test_the_list_of_packages_is_whole() -> None:
    folders = {Path("lab", name).parent.as_posix().replace("/", ".") for name in files("src/lab") if name[-3:] == ".py"}
    assert PROJECT["tool"]["setuptools"]["packages"] == sorted({*folders, "lab.conf"})


def test_the_wheel_holds_the_package_and_the_configs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert len(names) == len(set(names))
    assert set(names) == {f"lab/{name}" for name in files("src/lab")} | {f"lab/conf/{name}" for name in files("conf")}


def test_a_run_and_its_report_from_a_folder_elsewhere(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    recipe = "# @package _global_\nseed: 7\n"
    (tmp_path / "mine" / "experiment" / "seven.yaml").write_text(recipe)
    trained = environment.run(tmp_path, "lab-train", "--config-dir", "mine", "experiment=seven", *SHORT)
    assert trained.returncode == 0, trained.stderr
    (path,) = tmp_path.glob("outputs/*/*/run.json")
    record: dict[str, Any] = json.loads(path.read_text())
    assert (record["status"], record["seed"]) == ("completed", 7)
    assert record["command"].startswith("lab-train --config-dir mine experiment=seven ")
    reported = environment.run(tmp_path, "lab-report", "runs=outputs")
    assert reported.returncode == 0, reported.stderr
    assert (tmp_path / "report" / "index.html").is_file()
    assert "lab-train --config-dir report experiment=best" in reported.stderr


def test_the_configs_are_those_of_the_wheel(environment: Environment, tmp_path: Path) -> None:
    shown = environment.run(tmp_path, "python", "-m", "lab", "train", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "python -m lab train data=csv" in shown.stdout
    (conf,) = environment.bin.parent.glob("lib/*/site-packages/lab/conf")
    assert f"Defaults are in {conf}" in shown.stdout


@pytest.mark.parametrize("program", ["lab-train", "lab-report"])
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    program: str, environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    words = ["logger=mlflow"] if program == "lab-train" else ["runs=runs", "source=mlflow"]
    refused = environment.run(tmp_path, program, *words)
    assert refused.returncode == 2, refused.stderr
    assert "pip install 'mlflow>=3.17'" in refused.stderr
