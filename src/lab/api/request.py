"""A request in Python: overrides become a checked config, and a config becomes the line that composes it again.

Both go through the checks of the command line, so that the mistakes are the same, all at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf, open_dict

from lab.cli.arguments import missing_quotes
from lab.cli.command_line import parse, split
from lab.cli.compose import whole
from lab.cli.main import Command, sound
from lab.commands.train import checked, chosen
from lab.config.check import check
from lab.config.dotted_keys import is_there
from lab.config.schema import Config
from lab.config.shipped import CONF
from lab.core.errors import Mistake, RequestError, leave_out
from lab.core.hydra_quoting import for_hydra

PROGRAM = "python -m lab train"
COMMAND = Command(lambda: None, CONF, check=checked, resumes=True, chosen=chosen)


def compose(overrides: Sequence[str] = (), config_name: str = "config", config_dir: str | Path | None = None) -> Config:
    """Compose a config as the command line does, and check it.

    overrides: as typed after `python train.py`, without the shell's quotes; config_name: the file in the config folder;
    config_dir: a folder of your own, laid out like `conf/`. Modules named by `plugins=[...]` are imported. Raises
    RequestError with every mistake.

    >>> config = compose(["model=ngram", "trainer.max_epochs=3", "seed=7"])
    >>> config.model.kind, config.trainer.max_epochs, config.seed
    ('ngram', 3, 7)
    """
    flags = [] if config_dir is None else [f"--config-dir={config_dir}"]
    flags += [] if config_name == COMMAND.config_name else [f"--config-name={config_name}"]
    return read_request([*flags, *_usable(overrides)]).config


class Request(NamedTuple):
    """A composed request. task: the config without Hydra's own settings, which are in `hydra`."""

    config: Config
    task: DictConfig
    hydra: DictConfig


def read_request(words: Sequence[str]) -> Request:
    """Compose and check a line, given by its words. Raises RequestError with every mistake in the words of a line."""
    line = parse(sound(COMMAND, missing_quotes.with_quotes([PROGRAM, *words])))
    task = whole(line, COMMAND.conf, COMMAND.config_name)
    with open_dict(task):
        hydra = task.pop("hydra")
    config = check(task)
    config.words.extend(words)
    return Request(config, task, hydra)


def request_of(config: Config | Sequence[str]) -> Request:
    """The request of overrides, or of a config with what was changed since it was composed.

    A change may move settings that follow another one, as `optimizer.lr` follows `model.lr`: these are set next.
    """
    if not isinstance(config, Config):
        return read_request(_usable(config))
    request = read_request(config.words)
    while more := [word for word in _changes(request, _settings(config)) if word not in request.config.words]:
        request = read_request([*request.config.words, *more])
    return request


def _settings(config: Config) -> dict[str, Any]:
    """What a run looks at."""
    return config.model_dump(mode="json", exclude={"sweep"}, warnings=False)


def _changes(request: Request, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield the overrides that lead from a request to the wanted settings."""
    written = OmegaConf.to_container(request.task, resolve=False)
    assert isinstance(written, dict)
    plain = {str(name): node for name, node in written.items()}

    def changes(before: Mapping[str, Any], after: Mapping[str, Any], parent: str) -> Iterator[str]:
        for name in {**before, **after}:
            key, value = f"{parent}{name}", after.get(name)
            if name in before and name in after and isinstance(value, Mapping) and isinstance(before[name], Mapping):
                yield from changes(before[name], value, f"{key}.")
            elif name not in after:
                yield f"~{key}"
            elif name not in before or value != before[name]:
                yield f"{'' if is_there(plain, key) else '++'}{key}={for_hydra(value)}"

    return changes(_settings(request.config), wanted, "")


def _usable(overrides: Sequence[str]) -> list[str]:
    """Raises RequestError for what only the command line can obey, with the mistakes of the other overrides."""
    if isinstance(overrides, str):
        raise RequestError(Mistake("", f"{overrides!r} is one text, not a list of overrides", f"[{overrides!r}]"))
    wrong = {place: mistake for place, word in enumerate(overrides) if (mistake := _unusable(word)) is not None}
    if not wrong:
        return list(overrides)
    mistakes = list(wrong.values())
    try:
        read_request([word for place, word in enumerate(overrides) if place not in wrong])
    except RequestError as error:
        mistakes += error.mistakes
    raise RequestError(mistakes)


def _unusable(word: object) -> Mistake | None:
    if not isinstance(word, str) or word.startswith("-"):
        problem = f"{word!r} is no override, and flags are for the command line"
        return Mistake("", problem, "KEY=VALUE, or the arguments config_dir and config_name of lab.compose")
    key, value = split(word)
    if key.startswith(("hydra.", "hydra/")):
        remedy = "the argument folder of lab.train" if key == "hydra.run.dir" else leave_out(word)
        return Mistake(key, "is for Hydra's command line, which does not run here", remedy, value)
    return None
