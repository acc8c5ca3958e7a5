"""The command line of a request with `model=auto`, with the chosen model in its place.

The line is first checked with a stand-in of the same task, so that the data are only read for a request that is right
otherwise. A multirun reads them in a process of its own: its jobs are forked from this process, and a fork after
threads of torch and Arrow have started may hang. A study that is resumed keeps the model that it began with.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf, open_dict

from lab.cli import validate_overrides
from lab.cli.command_line import Typed, parse, plugins_of, split
from lab.cli.compose import composed, search_path, whole, wrong_flags
from lab.config import plugins
from lab.config.check import check
from lab.config.rules.tasks import CUSTOM, GIVES, MODEL
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.files import Unreadable, read_yaml
from lab.core.terminal.display import Screen
from lab.data.column_proposals import with_columns_of_the_file
from lab.training.auto import line
from lab.training.auto.table import Choice, choose

CONFIG = "config"


def chosen(argv: Sequence[str], conf: Path) -> list[str]:
    """Return the line with `model=NAME model_reason=...` in place of `model=auto`, and say why on standard error.

    conf: the config folder if `--config-path` is not typed. Raises RequestError with every mistake: of the line, of
    keys that do not go with a choice, and of the data.
    """
    typed = parse(argv)
    folder, name = Path(typed.config_path or conf), (typed.config_name or CONFIG).removesuffix(".yaml")
    refuse_if_any(wrong_flags(typed, folder, name))
    given = _composed(typed, folder, name)
    space = OmegaConf.select(given, "sweep.search_space") if typed.multirun else None
    task = GIVES.get(str(OmegaConf.select(given, "data.kind")), CUSTOM)
    mistakes = list(line.unfit(typed, {str(key): None for key in space or {}}, task))
    if task == CUSTOM:
        problem = "cannot choose for data=custom, whose rows only your own module knows"
        mistakes.append(Mistake("model", problem, "model=custom model._target_=my_module.MyModule", "auto"))
        raise RequestError(mistakes)
    unfit = {mistake.key for mistake in mistakes}
    others = [word for word in line.without(argv) if split(word)[0] not in {*unfit, "model"}]
    stand_in = [*others, f"model={MODEL[task]}"]
    mistakes += validate_overrides.mistakes(parse(stand_in), conf, check=with_columns_of_the_file(check))
    refuse_if_any(mistakes)
    choice = _recorded(given, typed) or _read(stand_in, conf, typed)
    if typed.multirun or typed.cfg is not None:  # a single run says it in its log
        Screen(error=True).write(f"model=auto: {choice.title}: {choice.reason}\n")
    return line.with_choice(argv, choice)


def decide(stand_in: Sequence[str], conf: Path) -> Choice | list[Mistake]:
    """Read the data of a line and return the choice, or the mistakes in the data. The line names a stand-in."""
    typed = parse(stand_in)
    plugins.load(plugins_of(typed))
    try:
        config = whole(_alone(typed), conf, CONFIG)
        with open_dict(config):
            config.pop("hydra")
        request = check(config)
        from lab.training.auto.facts import facts_of, machine_of

        return choose(facts_of(request), machine_of(request))
    except RequestError as error:
        return list(error.mistakes)


def _read(stand_in: Sequence[str], conf: Path, typed: Typed) -> Choice:
    if typed.multirun:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            result = pool.submit(decide, list(stand_in), conf).result()
    else:
        result = decide(stand_in, conf)
    if isinstance(result, Choice):
        return result
    raise RequestError(result)


def _composed(typed: Typed, folder: Path, name: str) -> DictConfig:
    """Return the config, whatever is wrong with the line."""
    with initialize_config_dir(str(folder.absolute()), job_name="train"):
        words = [word for word in line.single(typed.overrides) if split(word)[0].partition(".")[0] != "model"]
        config, mistakes = composed(name, [*search_path(typed), *words])
    if config is None:
        raise RequestError(mistakes)
    return config


def _alone(typed: Typed) -> Typed:
    """Return the line of one job."""
    return replace(typed, overrides=tuple(line.single(typed.overrides)), multirun=False)


def _recorded(config: DictConfig, typed: Typed) -> Choice | None:
    """Return the choice of the study that the line resumes; None for anything else."""
    chosen = dict(map(split, typed.overrides))
    study = OmegaConf.select(config, "sweep.study") or chosen.get("sweep")
    place = chosen.get("hydra.sweep.dir") or (Path("multirun") / str(study) if study else None)
    if not typed.multirun or place is None:
        return None
    file = Path(place) / "multirun.yaml"  # the config of the study's last command
    try:
        settings = read_yaml(file) if file.is_file() else {}
    except (Unreadable, OSError, ValueError):  # reported where the folder is opened
        return None
    reason, model = settings.get(line.REASON), settings.get("model")
    if not reason or not isinstance(model, Mapping):
        return None
    base, epochs = model.get("base"), model.get("epochs")
    return Choice(str(model["name"]), str(reason), None if base is None else str(base), epochs)
