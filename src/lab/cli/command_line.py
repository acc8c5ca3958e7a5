"""Reading a command line as Hydra does, and making a run's name and the line to type again from it.

Hydra's own parser is private, so its flags are listed here; only Hydra carries them out.
"""

import argparse
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.config.key_roles import has_role
from lab.config.schema import Role
from lab.config.shipped import IS_WHEEL
from lab.core.masking import masked

SHORT = {
    "optimizer.lr": "lr", "optimizer.weight_decay": "wd", "optimizer.layer_decay": "ld", "optimizer.head_lr": "headlr",
    "data.batch_size": "bs", "data.max_length": "len", "trainer.max_epochs": "ep", "trainer.precision": "p",
    "callbacks.freeze.layers": "frozen", "trainer.accumulate_grad_batches": "acc",
    "callbacks.early_stopping.patience": "patience", "loss.label_smoothing": "ls", "scheduler.warmup_ratio": "warmup",
    "model.dropout": "drop",
}  # fmt: skip
"""How keys appear in a run's name; others appear by their last part."""
TRAIN = ("lab-train",) if IS_WHEEL else ("python", "train.py")
"""What starts the train command here, where no other line is known."""
MODULE = ("python", "-m", "lab")
"""What starts a command by its name; the name follows."""
AUTO = "model=auto"
"""The override that has the model chosen, by the data and the machine."""
CONFIG_PATH = ("--config-path", "-cp")


@dataclass(frozen=True)
class Typed:
    """A command line, read as Hydra reads it."""

    program: str
    overrides: tuple[str, ...]
    config_path: str | None
    config_name: str | None
    config_dir: str | None
    cfg: str | None
    multirun: bool
    rerun: str | None
    """The folder of `--experimental-rerun`."""
    runs: bool
    """False if the line only shows something (`--help`, `--cfg`, `--info`) or reruns a job that Hydra saved."""
    help: bool = False
    """Whether the line has `--help`."""


def parse(argv: Sequence[str]) -> Typed:
    """Return `argv` (program first) as read. A flag that Hydra does not know is left to Hydra, which refuses it; flags
    that contradict each other end the process as argparse does, with exit code 2."""
    parser = argparse.ArgumentParser(
        prog=Path(argv[0]).name, usage="%(prog)s [key=value ...] [-m] [--cfg job] [--help]", add_help=False
    )
    for flags in (CONFIG_PATH, ("--config-name", "-cn"), ("--config-dir", "-cd"), ("--cfg", "-c"),
                  ("--package", "-p"), ("--experimental-rerun",)):  # fmt: skip
        parser.add_argument(*flags)
    for flags in (("--help", "-h"), ("--hydra-help",), ("--version",), ("--resolve",), ("--run", "-r"),
                  ("--multirun", "-m"), ("--shell-completion", "-sc")):  # fmt: skip
        parser.add_argument(*flags, action="store_true")
    parser.add_argument("--info", "-i", nargs="?", const="all")
    parser.add_argument("overrides", nargs="*")
    seen, _ = parser.parse_known_intermixed_args(list(argv[1:]))
    if sum([seen.run, seen.multirun, seen.cfg is not None, seen.info is not None, seen.shell_completion]) > 1:
        parser.error("only one of --run, --multirun, --cfg, --info and --shell-completion at a time")
    if seen.resolve and seen.cfg is None and not seen.help:
        parser.error("--resolve goes with --cfg")
    shown = (
        seen.cfg,
        seen.info,
        seen.experimental_rerun,
        seen.help,
        seen.hydra_help,
        seen.version,
        seen.shell_completion,
    )
    return Typed(
        program=argv[0],
        overrides=tuple(seen.overrides),
        config_path=seen.config_path,
        config_name=seen.config_name,
        config_dir=seen.config_dir,
        cfg=seen.cfg,
        multirun=seen.multirun,
        rerun=seen.experimental_rerun,
        runs=not any(shown),
        help=seen.help,
    )


def command(typed: Typed, job_overrides: Sequence[str] | None = None) -> str:
    """Return the line to type again; `job_overrides`: of one job of a multirun, which becomes a run of its own.

    The run's folder is left out: it exists, so it would be refused.
    """
    own = typed.overrides if job_overrides is None else job_overrides
    kept = [override for override in own if split(override)[0] not in ("hydra.run.dir", "hydra.mode", "model_reason")]
    if job_overrides is not None:
        kept = [
            override
            for override in kept
            if not override.startswith(("hydra.sweep", "hydra/sweeper", "hydra.launcher", "hydra/launcher", "sweep."))
            and split(override)[0] != "resume"
        ]
    options = [
        ("--config-path", typed.config_path),
        ("--config-name", typed.config_name),
        ("--config-dir", typed.config_dir),
    ]
    words = [word for flag, value in options if value is not None for word in (flag, value)]
    return shlex.join([*started_by(typed.program), *words, *map(masked, kept)])  # before the shell's quotes are added


def started_by(program: str) -> list[str]:
    """The words that start a program, from the first word of its `sys.argv`.

    A file of Python is started by `python`, a console script by its name where the PATH leads to it.

    >>> started_by("../lab/train.py"), started_by("python -m lab train")
    (['python', '../lab/train.py'], ['python', '-m', 'lab', 'train'])
    """
    path = Path(program)
    if program.startswith(f"{shlex.join(MODULE)} "):
        return program.split(" ")
    if path.suffix == ".py":
        return ["python", program]
    on_path = shutil.which(path.name)
    return [path.name if on_path is not None and Path(on_path).absolute() == path.absolute() else program]


def script(command: str) -> str:
    """What starts the line of `command`, as it was typed: `python ../lab/train.py`, `lab-train`, `python -m lab train`.

    Of an empty line, or one that no shell could read, as a damaged record may hold one: the train command of here.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    num = 1 if words[:1] != ["python"] else 4 if tuple(words[:3]) == MODULE else 2
    return shlex.join(words[:num] or TRAIN)


def with_absolute_config_path(argv: Sequence[str]) -> list[str]:
    """`argv` with the folder of `--config-path` in full. Hydra reads a relative one from the folder of the program's
    file, which is not where a person types.
    """
    result = list(argv)
    for number, word in enumerate(argv):
        flag, equals, folder = word.partition("=")
        if flag not in CONFIG_PATH:
            continue
        if equals:
            result[number] = f"{flag}={Path(folder).absolute()}"
        elif number + 1 < len(argv):
            result[number + 1] = str(Path(argv[number + 1]).absolute())
    return result


def run_name(model: str, overrides: Sequence[str]) -> str:
    """Return a short, file-safe name of a request: `beto-lr3e-5-bs16-ep3`. The same request gives the same name.

    model: the model's short name; overrides: as typed, shown in their order.
    """
    parts = [model]
    for key, value in map(split, overrides):
        if key == "model" or key.startswith("hydra") or has_role(key, Role.UNNAMED):
            continue
        if key == "debug":
            parts.append(f"debug-{value}")
            continue
        groups = ("data", "experiment", "optimizer", "scheduler", "loss", "trainer", "callbacks", "peft")
        parts.append(value if key in groups else f"{SHORT.get(key, key.rsplit('.', 1)[-1])}{_rounded(value)}")
    safe = [re.sub(r"[^A-Za-z0-9._+-]+", "_", part).strip("_") for part in parts]
    return "-".join(part for part in safe if part)[:96]


def split(override: str) -> tuple[str, str]:
    """Return an override's key without `+` or `~`, and the value as typed, without quotes."""
    key, _, value = override.partition("=")
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return key.lstrip("+~"), value[1:-1] if quoted else value


def chooses_model(typed: Typed) -> bool:
    """Return whether the model is to be chosen: the line has `model=auto`, alone or among others, and is carried out
    or shown as a config, and it is that of a new run."""
    keys = dict(map(split, typed.overrides))
    old = any(keys.get(key, "null") != "null" for key in ("resume", "test"))
    return not old and (typed.runs or typed.cfg is not None) and any(map(names_auto, typed.overrides))


def names_auto(word: str) -> bool:
    """Return whether an override gives the model as `auto`, alone or among others."""
    key, value = split(word)
    return key == "model" and "auto" in value.replace("(", ",").replace(")", ",").replace(" ", "").split(",")


def plugins_of(typed: Typed) -> list[str]:
    """The names in `plugins=[...]` on the line; empty where it is not there, or cannot be read as a list of names."""
    values = [value for key, value in map(split, typed.overrides) if key == "plugins"]
    return [] if not values or values[-1] == "null" else [name for name in meant(f"[{values[-1].strip('[]')}]") if name]


def _rounded(value: str) -> str:
    """Return a fraction with four digits, without the zero in e-05; other values unchanged."""
    if not re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+\.?\d*e[+-]?\d+|\.\d+e[+-]?\d+)", value.lower()):
        return value
    return re.sub(r"e([+-])0", r"e\1", f"{float(value):.4g}").replace("e+", "e")


def meant(value: str) -> str | list[str]:
    """Return the text, or the texts of a list, that lack quotes or a bracket: `["año,causa`."""
    if value.startswith("["):
        return [part.strip().strip("\"'") for part in value.strip("[]").split(",")]
    return value.strip("\"'")
