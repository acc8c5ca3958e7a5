"""Whether a run ends by writing encoder and adapters as one; `tests/training/test_peft.py` merges a real one."""

from pathlib import Path
from typing import Any, cast

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.record.run_folder import RunFolder
from lab.training.merge_adapters import is_merged, merge

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(
    ("words", "expected"), [([], False), (["peft=lora"], False), (["peft=lora", "peft.merge=true"], True)]
)
def test_merging_is_asked_for(words: list[str], expected: bool, tmp_path: Path) -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", words))
    assert is_merged(config) is expected
    if not expected:
        assert merge(config, cast(Any, None), RunFolder(tmp_path)) is None
        assert list(tmp_path.iterdir()) == []
