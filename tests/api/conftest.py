"""Fixtures: a folder with one small run that the Python API trained."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import lab

SMALL = ["model=ngram", "model.buckets=2000", "data.num_rows=200", "trainer.max_epochs=2", "trainer.threads=1",
         "trainer.accelerator=cpu", "logger=csv", "callbacks.curves.png=false", "baselines.enabled=false"]  # fmt: skip
"""A run of a second."""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the run `outputs/first`."""
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lab.train(SMALL, "outputs/first")
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That folder, as the working folder."""
    monkeypatch.chdir(place)
    return place
