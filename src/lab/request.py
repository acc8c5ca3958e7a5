"""What a person typed: read without running Hydra, turned into a resumed run, a name, or the line to type again.

`resume=RUN` and `test=RUN` compose from RUN's own config.yaml and write into RUN, whatever conf/ says by then. Hydra
reads its paths from the command line only, so the line is rewritten before Hydra sees it. Imports no torch.
"""

import argparse
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.override_parser.types import Quote, QuotedString

from lab.errors import Mistake, RequestError
from lab.keys import flattened
from lab.record import RunFolder

SHORT = {
    "optimizer.lr": "lr", "optimizer.weight_decay": "wd", "optimizer.layer_decay": "ld", "optimizer.head_lr": "headlr",
    "data.batch_size": "bs", "data.max_length": "len", "trainer.max_epochs": "ep", "trainer.precision": "p",
    "trainer.max_steps": "steps", "callbacks.freeze.layers": "frozen", "callbacks.accumulate.batches": "acc",
    "callbacks.early_stopping.patience": "patience", "loss.label_smoothing": "ls", "scheduler.warmup_ratio": "warmup",
    "model.dropout": "drop",
}  # fmt: skip
"""How keys appear in a run's name; others appear by their last part."""

UNNAMED = ("name", "run_name", "tags", "resume", "test", "logger", "cache", "objective", "trainer.accelerator",
           "trainer.threads", "trainer.log_every_n_steps", "data.num_workers", "data.path", "data.train", "data.val",
           "data.test", "data.text", "data.labels", "callbacks.progress", "callbacks.curves")  # fmt: skip
"""Keys, and what is below them, that do not tell two models apart."""


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
    runs: bool
    """False where it only shows something (`--help`, `--cfg`, `--info`) or reruns what Hydra saved."""


def parse(argv: Sequence[str]) -> Typed:
    """Read `argv` (program first). A flag that Hydra does not know is left for Hydra to refuse; flags that do not go
    together end here as argparse ends them, with exit code 2."""
    parser = argparse.ArgumentParser(
        prog=Path(argv[0]).name, usage="%(prog)s [key=value ...] [-m] [--cfg job] [--help]", add_help=False
    )
    for flags in (("--config-path", "-cp"), ("--config-name", "-cn"), ("--config-dir", "-cd"), ("--cfg", "-c"),
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
        runs=not any(shown),
    )


def resumed_argv(argv: Sequence[str], conf: Path) -> list[str]:
    """`argv` itself, or with `resume=RUN` or `test=RUN` one that composes from RUN's config.yaml and writes into RUN.

    conf: the shipped config folder, for Hydra's own settings. Raises RequestError for a folder that cannot be resumed
    or tested.
    """
    typed = parse(argv)
    asked = {key: value for key, value in map(_split, typed.overrides) if key in ("resume", "test") and value != "null"}
    if not asked:
        return list(argv)
    if len(asked) == 2:
        remedy = f"resume={asked['resume']} first, then test={asked['test']}"
        raise RequestError(
            Mistake("test", "a run is either resumed or tested, not both at once", remedy, asked["test"])
        )
    ((key, given),) = asked.items()
    rest = [override for override in typed.overrides if _split(override)[0] not in ("resume", "test")]
    if typed.multirun:
        raise RequestError(
            Mistake(key, "does not go with -m: one run at a time", f"leave out -m, type {key}=RUN", given)
        )
    run = RunFolder(Path(given).expanduser().absolute())
    obstacles = _obstacles(key, given, run, rest)
    if obstacles:
        raise RequestError(obstacles)
    quoted = QuotedString(str(run.path), Quote.single).with_quotes()
    logging = "lab" if key == "resume" else "terminal"
    shown = [] if typed.cfg is None else ["--cfg", typed.cfg]
    return [
        argv[0], *shown, "--config-path", str(run.path), "--config-name", "config", "--config-dir", str(conf),
        "hydra/callbacks=claim", f"hydra/job_logging={logging}", f"hydra.run.dir={quoted}", "hydra.output_subdir=null",
        f"++{key}={quoted}", f"++{'test' if key == 'resume' else 'resume'}=null", *rest,
    ]  # fmt: skip


def _obstacles(key: str, given: str, run: RunFolder, rest: Sequence[str]) -> list[Mistake]:
    """Why a folder cannot be resumed or tested; empty when it can."""
    if not run.path.is_dir():
        return [Mistake(key, "there is no such folder", f"{key}=outputs/<date>/<time>", given)]
    if not run.config.is_file():
        return [Mistake(key, "is not a run folder: it holds no config.yaml", f"{key}=outputs/<date>/<time>", given)]
    checkpoint = run.last if key == "resume" else run.best
    if not checkpoint.is_file():
        name = checkpoint.relative_to(run.path)
        remedy = "start it anew" if key == "resume" else f"resume={given}"
        return [Mistake(key, f"holds no {name}: it was cut before the first one was written", remedy, given)]
    status = run.read()["status"] if key == "resume" and (run.path / "run.json").is_file() else None
    saved = flattened(yaml.safe_load(run.config.read_text(encoding="utf-8")))
    typed = dict(map(_split, rest))
    limits = [limit for limit in ("trainer.max_epochs", "trainer.max_steps") if limit in typed]
    more = any(_number(typed[limit]) > _number(saved.get(limit)) for limit in limits)
    if status == "completed" and not more:
        problem = f"this run is complete after {saved['trainer.max_epochs']} epochs"
        remedy = f"resume={given} trainer.max_epochs={2 * int(saved['trainer.max_epochs'])}, or test={given}"
        return [Mistake(key, problem, remedy, given)]
    if status == "early_stopped" and not any(name.startswith("callbacks.early_stopping.") for name in typed):
        remedy = f"resume={given} callbacks.early_stopping.patience=null, or test={given}"
        return [Mistake(key, "this run stopped early by its own rule and is complete", remedy, given)]
    return []


def command(typed: Typed, job_overrides: Sequence[str] | None = None) -> str:
    """The line to type again; `job_overrides`: those of one job of a multirun, which becomes a run of its own.

    The folder is left out: it exists by now, and would be refused.
    """
    own = typed.overrides if job_overrides is None else job_overrides
    kept = [override for override in own if _split(override)[0] not in ("hydra.run.dir", "hydra.mode")]
    if job_overrides is not None:
        kept = [
            override for override in kept if not override.startswith(("hydra.sweep", "hydra/sweeper", "hydra/launcher"))
        ]
    options = [
        ("--config-path", typed.config_path),
        ("--config-name", typed.config_name),
        ("--config-dir", typed.config_dir),
    ]
    words = [word for flag, value in options if value is not None for word in (flag, value)]
    return shlex.join(["python", typed.program, *words, *kept])


def run_name(model: str, overrides: Sequence[str]) -> str:
    """A short, file-safe name from what was typed: `beto-lr3e-5-bs16-ep3`. The same request gives the same name.

    model: the model's short name; overrides: as typed, in any order (they appear in the order typed).
    """
    parts = [model]
    for key, value in map(_split, overrides):
        if (
            key == "model"
            or key.startswith("hydra")
            or any(key == name or key.startswith(f"{name}.") for name in UNNAMED)
        ):
            continue
        groups = ("data", "experiment", "optimizer", "scheduler", "loss", "trainer", "callbacks")
        parts.append(value if key in groups else f"{SHORT.get(key, key.rsplit('.', 1)[-1])}{_rounded(value)}")
    safe = [re.sub(r"[^A-Za-z0-9._+-]+", "_", part).strip("_") for part in parts]
    return "-".join(part for part in safe if part)[:96]


def _split(override: str) -> tuple[str, str]:
    """Key without `+` or `~`, and the value as typed, without quotes."""
    key, _, value = override.partition("=")
    return key.lstrip("+~"), value.strip("'\"")


def _rounded(value: str) -> str:
    """Fractions to four digits, without the zero in e-05."""
    if not re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+\.?\d*e[+-]?\d+|\.\d+e[+-]?\d+)", value.lower()):
        return value
    return re.sub(r"e([+-])0", r"e\1", f"{float(value):.4g}").replace("e+", "e")


def _number(text: object) -> float:
    """A limit as a number; none at all is the largest."""
    try:
        return float("inf") if text in (None, "null") else float(str(text))
    except ValueError:
        return 0.0
