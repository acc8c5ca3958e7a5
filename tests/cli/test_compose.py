"""Hydra's composition of a line: every override that it refuses is a mistake, and so is a flag that names no file."""

from pathlib import Path

from hydra import initialize_config_dir

from lab.cli.command_line import parse
from lab.cli.compose import composed, wrong_flags

CONF = Path(__file__).parents[2] / "conf"


def test_every_refused_override_is_named_and_the_others_hold() -> None:
    with initialize_config_dir(str(CONF)):
        config, mistakes = composed("config", ["seed=7", "model=betto", "foo.bar=1", "trainer.max_epochs=3"])
    assert config is not None
    assert (config.seed, config.trainer.max_epochs) == (7, 3)
    assert [(mistake.key, mistake.value) for mistake in mistakes] == [("model", "betto"), ("foo.bar", "1")]


def test_a_sound_line_has_no_mistakes() -> None:
    with initialize_config_dir(str(CONF)):
        config, mistakes = composed("config", ["seed=7"])
    assert config is not None
    assert mistakes == []


def test_flags_name_folders_and_files_that_are_there(tmp_path: Path) -> None:
    assert wrong_flags(parse(["train.py"]), CONF, "config") == []
    assert wrong_flags(parse(["train.py", "--config-dir", str(tmp_path)]), CONF, "config") == []
    (mistake,) = wrong_flags(parse(["train.py", "--config-dir", str(tmp_path / "none")]), CONF, "config")
    assert "there is no such folder" in mistake.problem
    (mistake,) = wrong_flags(parse(["train.py"]), CONF, "other")
    assert "there is no other.yaml" in mistake.problem
