"""Every command of docs/callbacks.md is sound, and every class that it names is shown."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.cli.command_line import parse
from lab.cli.optional_packages import missing_loggers
from lab.cli.validate_overrides import mistakes
from lab.config.check import check

PAGE = Path("docs/callbacks.md")
CONF = Path("conf").absolute()
COMMANDS = re.findall(r"^    python train\.py (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
SHOWN = ("LearningRateMonitor", "EMAWeightAveraging", "WeightAveraging", "ModelSummary", "RichProgressBar", "Timer",
         "DeviceStatsMonitor", "CometLogger", "MulticlassAUROC")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_sound(command: str) -> None:
    assert mistakes(parse(["train.py", *shlex.split(command)]), CONF) == []


def test_every_class_is_shown() -> None:
    targets = {word.rpartition(".")[2] for command in COMMANDS for word in command.split() if "_target_=" in word}
    assert targets == {*SHOWN}


def test_a_logger_whose_package_is_missing_is_answered_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (command,) = [command for command in COMMANDS if "CometLogger" in command]
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", shlex.split(command)))
    monkeypatch.setattr("lab.cli.optional_packages.is_installed", lambda name: name != "comet_ml")
    (mistake,) = missing_loggers(config)
    assert mistake.key == "logger.extra.comet"
    assert mistake.remedy.startswith("pip install comet_ml, or leave ")
