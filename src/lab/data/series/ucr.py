"""Problems of the UCR/UEA archive: its training and test cases, with validation cases drawn from training.

Cases may differ in length and have missing values; nothing is cut or stretched. The package aeon ships a few problems:
their files are read from its folder, without importing it.
"""

import importlib.util
from pathlib import Path

import numpy as np

from lab.cli.optional_packages import not_installed
from lab.config.schema import Ucr
from lab.config.validation_rows import AUTO_SHARE
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.data.label_encoder import class_order
from lab.data.series.panel import Cut, Panel
from lab.data.series.ts_format import Cases, read_ts
from lab.data.stratified_split import draw, folds


def cases(data: Ucr) -> tuple[Panel, dict[str, Cut], list[str]]:
    """Return all cases as a panel in which each case is a group, the splits, and lines for the terminal.

    Raises RequestError for a problem whose files do not exist or do not fit each other.
    """
    folder, key = (
        (shipped(data.name), "data.name") if data.path is None else (Path(data.path).expanduser(), "data.path")
    )
    files = {split: folder / f"{data.name}_{split.upper()}.ts" for split in ("train", "test")}
    absent = [str(path) for path in files.values() if not path.is_file()]
    if absent:
        names = sorted(path.name.removesuffix("_TRAIN.ts") for path in folder.glob("*_TRAIN.ts"))
        remedy = f"data.name={nearest(data.name, names) or names[0]}" if names else "the folder of NAME_TRAIN.ts"
        raise RequestError(Mistake(key, f"no such file: {listed(absent)}", remedy, data.path or data.name))
    read = {split: read_ts(path, key) for split, path in files.items()}
    _refuse_unlike(read, key, files)
    names = sorted({*read["train"].labels, *read["test"].labels})
    classes = tuple(names[place] for place in class_order(names))
    values = [case for split in read.values() for case in split.values]
    ends = np.cumsum([len(case) for case in values]) - 1
    lengths = np.array([len(case) for case in values], np.int32)
    codes = {name: code for code, name in enumerate(classes)}
    labels = np.array([codes[label] for split in read.values() for label in split.labels], np.int16)
    all_cases = Cut(ends.astype(np.int32), lengths, labels)
    columns = tuple(f"dimension {place + 1}" for place in range(values[0].shape[1]))
    panel = Panel(columns, np.concatenate(values), ("",) * len(values), np.append(0, ends + 1),
                  np.zeros(len(values), "datetime64[s]"), np.timedelta64(1, "s"), None, classes)  # fmt: skip
    num_train = len(read["train"].labels)
    if num_train < 2:
        problem = "has one training case, and validation is drawn from training"
        raise RequestError(Mistake(key, problem, "a problem with two training cases or more", files["train"]))
    train_and_val, notes = _with_val(labels[:num_train], data, classes)
    test = np.arange(num_train, len(labels))
    return panel, {name: all_cases.at(rows) for name, rows in {**train_and_val, "test": test}.items()}, notes


def shipped(name: str) -> Path:
    """Return the folder of a problem that the package aeon ships. Raises RequestError naming the shipped problems."""
    package = importlib.util.find_spec("aeon")
    if package is None or not package.submodule_search_locations:
        problem = "the package 'aeon', which ships a few problems, is not installed"
        raise RequestError(not_installed("data.name", "aeon", "data.path=FOLDER", name, problem))
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"
    names = sorted(path.parent.name for path in folder.glob("*/*_TEST.ts") if _has_classes(path))
    if name not in names:
        remedy = f"data.name={nearest(name, names) or 'GunPoint'}, or data.path=FOLDER of {name}_TRAIN.ts"
        problem = f"is not shipped; there are {listed(sorted(set(names)))}"
        raise RequestError(Mistake("data.name", problem, remedy, name))
    return folder / name


def _has_classes(path: Path) -> bool:
    """Return whether a problem has both files and classes."""
    train = path.with_name(f"{path.parent.name}_TRAIN.ts")
    if path.name != f"{path.parent.name}_TEST.ts" or not train.is_file():
        return False
    with train.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.lower().startswith("@classlabel"):
                return "true" in line.lower()
            if line.lower().startswith("@data"):
                return False
    return False


def _refuse_unlike(read: dict[str, Cases], key: str, files: dict[str, Path]) -> None:
    widths = {split: cases_of.values[0].shape[1] for split, cases_of in read.items()}
    unknown = sorted(set(read["test"].labels) - set(read["train"].labels))
    mistakes = []
    if len(set(widths.values())) > 1:
        mistakes.append(
            Mistake(key, f"{widths['train']} dimensions in training, {widths['test']} in test", value=files["test"])
        )
    if unknown:
        mistakes.append(Mistake(key, f"classes {listed(unknown)} of test are not in training", value=files["test"]))
    if mistakes:
        raise RequestError(mistakes)


def _with_val(
    labels: "np.ndarray[tuple[int], np.dtype[np.int16]]", data: Ucr, classes: tuple[str, ...]
) -> tuple[dict[str, "np.ndarray"], list[str]]:
    """Stratified rows of train and val, and a note on classes that are too small to be in both.

    Without a share for validation it is the share of `auto`.
    """
    codes, cases = [labels.astype(np.int64)], np.arange(len(labels))
    if data.split.folds is not None:
        if len(cases) < data.split.folds:
            problem = f"{len(cases)} training cases cannot fill {data.split.folds} folds"
            raise RequestError(Mistake("data.split.folds", problem, f"data.split.folds={len(cases)}", data.split.folds))
        assert data.split.fold is not None, "a rule of the config"
        val = folds(codes, cases, data.split.folds, data.split.seed)[data.split.fold]
        rows = {"train": np.setdiff1d(cases, val), "val": val}
    else:
        share = AUTO_SHARE if isinstance(data.split.val, str) else data.split.val
        rows = draw(codes, cases, {"val": share}, data.split.seed)
    counts = np.bincount(labels[rows["val"]], minlength=len(classes))
    absent = [classes[code] for code in np.flatnonzero(counts == 0)]
    note = f"classes {listed(absent)} have too few cases for validation and are only in training"
    return rows, [note] if absent else []
