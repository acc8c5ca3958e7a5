"""Command lines of `train.py` judged in process, and remedies applied to them as a person types them."""

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lab.cli import command_line, resume, validate_overrides
from lab.cli.arguments import folds, missing_quotes
from lab.config.check import check_report
from lab.core.errors import Mistake, RequestError
from lab.sweep.definition.load import mistakes as sweep_mistakes

CONF = Path(__file__).resolve().parents[2] / "conf"
Line = tuple[str, ...]


@cache
def judged(line: Line) -> list[Mistake]:
    """Every mistake that needs neither data nor weights, of the words behind `train.py`."""
    try:
        argv = resume.resumed_argv(folds.with_all_folds(missing_quotes.with_quotes(["train.py", *line])), CONF)
        typed = command_line.parse(argv)
        result = validate_overrides.mistakes(typed, CONF, also=sweep_mistakes if typed.multirun else None)
        if typed.multirun and not result:
            result = _of_the_sweep(typed)
    except RequestError as error:
        result = list(error.mistakes)
    return result


@cache
def judged_report(line: Line) -> list[Mistake]:
    """The same of the words behind `report.py`."""
    typed = command_line.parse(missing_quotes.with_quotes(["report.py", *line]))
    return validate_overrides.mistakes(typed, CONF, "report", check_report)


def _of_the_sweep(typed: command_line.Typed) -> list[Mistake]:
    """What a sweep of a sound line is refused for when it starts."""
    own = [f"hydra.searchpath=[file://{Path(typed.config_dir).absolute()}]"] if typed.config_dir else []
    with initialize_config_dir(str(CONF)):
        return sweep_mistakes(GlobalHydra.instance().config_loader(), "config", [*own, *typed.overrides])


def alternatives(remedy: str) -> Iterator[Line]:
    """The words of each alternative of a remedy that can be typed; `leave out X` as it stands."""
    for alternative in remedy.split(", or "):
        words = tuple(shlex.split(re.sub(r" \([^()']*\)$", "", alternative)))
        if (words[:2] == ("leave", "out") and len(words) == 3) or (
            words and all(word == "-m" or word.startswith("~") or "=" in word for word in words)
        ):
            yield words


def applied(line: Sequence[str], mistake: Mistake, words: Line) -> Line:
    """The line with a remedy typed instead of what it is about, at the end of the line."""
    if words[:2] == ("leave", "out"):
        return tuple(
            word for word in line if word != words[2] and _key(word) != _key(words[2]) and _flag(word, words[2])
        )
    typed = {_key(word) for word in words}
    kept = [word for word in line if _key(word) != mistake.key.removeprefix("+") and _key(word) not in typed]
    flags = ["-m"] if "-m" in words and "-m" not in line else []
    return (*flags, *kept, *(word for word in words if word != "-m"))


def _flag(word: str, flag: str) -> bool:
    return not (flag.startswith("--") and word.startswith(flag))


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~") if not word.startswith("-") else word
