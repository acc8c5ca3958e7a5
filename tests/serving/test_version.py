"""What names a version: the files and recorded facts that make a model, and nothing else."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import RequestError
from lab.serving.loaded import load
from lab.serving.version import signature

Requested = Callable[..., ServeRequest]


def test_a_version_is_named_by_its_files(requested: Requested, tmp_path: Path) -> None:
    request = requested("ngram")
    copy = shutil.copytree(request.run, tmp_path / "copy")
    moved = request.model_copy(update={"run": str(copy)})
    assert load(request).version == load(moved).version
    before = signature(moved)
    assert signature(moved) == before
    (copy / "run.json").write_text("{}")
    assert signature(moved) == before, "the record is not the model"
    spec = copy / "spec.json"
    spec.write_text(spec.read_text() + "\n")
    assert signature(moved) != before
    assert load(request).version != load(moved).version
    os.utime(spec, ns=(1, 1))
    (copy / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(RequestError):
        load(moved)


def test_a_version_of_series_is_named_by_the_recorded_scale_too(requested: Requested, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(requested("series").run, tmp_path / "copy"))
    request = requested("series", run=copy)
    before, version = signature(request), load(request).version
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"command": "another one"}))
    assert (signature(request), load(request).version) == (before, version), "the rest of the record is not the model"
    record["data"]["scaling"]["mean"][0] += 5
    (copy / "run.json").write_text(json.dumps(record))
    assert signature(request) != before
    assert load(request).version != version


def test_a_version_is_named_by_the_simple_model_below_its_network_too(requested: Requested, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(requested("ngram_on_base").run, tmp_path / "copy"))
    request = requested("ngram_on_base", run=copy)
    before = signature(request)
    file = next(path for path in sorted((copy / "base").iterdir()) if path.suffix == ".json")
    file.write_text(file.read_text() + "\n")
    assert signature(request) != before
