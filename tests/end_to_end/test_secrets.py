"""A password and a secret of the environment, typed to a real run and to a real study, are in no file that is left."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PASSWORD, SECRET = "pa55w0rd", "environment-s3cret"
WORDS = (
    "model=ngram", "model.buckets=64", "trainer.max_epochs=1", "data.num_rows=300", "data.leaks.action=off",
    "cache.dir=cache", "trainer.threads=1", "callbacks.curves.png=false",
)  # fmt: skip


@pytest.fixture
def typed(forked: Any, tmp_path: Path) -> Callable[..., tuple[int | None, str]]:
    """Exit code and output of a command line of train.py, typed in `tmp_path`."""

    def run(*words: str) -> tuple[int | None, str]:
        environment = {"LAB_SECRET": SECRET, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        done = forked("train.py", *words, folder=tmp_path, limit_s=300, environment=environment)
        return done.code, done.said

    return run


def files_with(folder: Path, secret: str) -> list[str]:
    result = [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    return sorted(str(path.relative_to(folder)) for path in result)


def test_a_run_leaves_neither_on_the_disk_and_is_resumed_and_tested_without_another_word(
    typed: Any, tmp_path: Path
) -> None:
    login = f"sqlite://user:{PASSWORD}@/mlflow.db"
    words = (
        *WORDS,
        "hydra.run.dir=run",
        "experiment_name=${oc.env:LAB_SECRET}",
        f"tags=['{login}']",
        "logger=[wandb,csv]",
    )
    code, out = typed(*words)
    assert code == 0, out
    assert PASSWORD not in out
    assert files_with(tmp_path / "run", PASSWORD) == []
    assert "name: ${oc.env:LAB_SECRET}" in (tmp_path / "run" / "config.yaml").read_text()
    left = [name for name in files_with(tmp_path / "run", SECRET) if not name.startswith("wandb/")]
    assert left == []  # W&B's project carries the name, which the request sends there
    code, out = typed("test=run")
    assert code == 0, out
    code, out = typed("resume=run", "trainer.max_epochs=2")
    assert code == 0, out


def test_a_grid_leaves_no_password(typed: Any, tmp_path: Path) -> None:
    words = (*WORDS, "-m", "seed=1,2", f"sweep.storage=postgresql://user:{PASSWORD}@h/db", "logger=csv")
    code, out = typed(*words, "hydra.sweep.dir=grid")
    assert code == 0, out
    assert files_with(tmp_path / "grid", PASSWORD) == []
