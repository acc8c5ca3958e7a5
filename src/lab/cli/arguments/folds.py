"""`data.split.folds=5` on the command line runs all folds: it becomes a multirun over `data.split.fold`."""

from collections.abc import Sequence

from lab.cli.command_line import parse, split
from lab.core.errors import Mistake, RequestError

FOLDS, FOLD = "data.split.folds", "data.split.fold"


def with_all_folds(argv: Sequence[str]) -> list[str]:
    """Return the command line with every fold, if it names a number of folds and none of them.

    Raises RequestError where the line also has a search: its trials are compared on one split.
    """
    typed = parse(argv)
    given = {key.lstrip("+"): value for key, value in map(split, typed.overrides)}
    value = given.get(FOLDS, "")
    if not typed.runs or not value.isdecimal() or int(value) < 2 or given.get(FOLD, "null") != "null":
        return list(argv)
    if {"resume", "test"} & {key for key, word in given.items() if word != "null"}:
        return list(argv)
    if (search := given.get("sweep", "null")) != "null":
        problem = f"does not go with sweep={search}, whose trials are compared on one validation split"
        remedy = f"the sweep without it, then python train.py --config-dir STUDY experiment=best {FOLDS}={value}"
        raise RequestError(Mistake(FOLDS, problem, remedy, value))
    every = ",".join(map(str, range(int(value))))
    kept = [word for word in argv[1:] if split(word)[0].lstrip("+") != FOLD]
    return [argv[0], *([] if typed.multirun else ["-m"]), *kept, f"{FOLD}={every}"]
