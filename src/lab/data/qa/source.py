"""Sources of questions: SQuAD files (one per split, or one for all), the hub, or the generator.

A new source is one module and one entry in `SOURCES`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.config.schema import QaDemo, Questions, Squad
from lab.core.errors import Mistake, RequestError
from lab.data.qa.demo import generate
from lab.data.qa.question_rows import Reading
from lab.data.qa.squad import read_ids, read_rows, read_squad
from lab.data.readers.hub import load_splits

ALL = "all"
"""The reading of a source without splits."""
Opened = tuple[str, dict[str, Reading], list[str] | None]
"""Name, readings by split (or `all`), and the ids of the test questions if a file names them."""


def open_source(data: Questions, cache: Path) -> Opened:
    """Open the requested source. Raises RequestError with the mistakes of all files."""
    return SOURCES[type(data)](data, cache)


def _from_generator(data: QaDemo, _cache: Path) -> Opened:
    return "qa_demo", {ALL: generate(data.num_contexts, data.generator_seed)}, None


def _from_squad(data: Squad, cache: Path) -> Opened:
    if data.path is not None and not _is_file(data.path):
        return data.path.rstrip("/").split("/")[-1], _from_hub(data, data.path, cache), None
    named = {"path": data.path, "train": data.train, "val": data.val, "test": data.test}
    paths = {key: Path(path).expanduser() for key, path in named.items() if path is not None}
    readings: dict[str, Reading] = {}
    mistakes: list[Mistake] = []
    test_ids: list[str] | None = None
    for key, path in paths.items():
        try:
            readings[ALL if key == "path" else key] = read_squad(path, f"data.{key}", data.ambiguous_answers)
        except RequestError as error:
            mistakes += error.mistakes
    if data.test_ids is not None:
        try:
            test_ids = read_ids(Path(data.test_ids).expanduser(), "data.test_ids")
        except RequestError as error:
            mistakes += error.mistakes
    if mistakes:
        raise RequestError(mistakes)
    return next(iter(paths.values())).stem, readings, test_ids


def _from_hub(data: Squad, path: str, cache: Path) -> dict[str, Reading]:
    """The splits of a data set of the hub or of a folder in its layout."""
    if data.test_ids is not None:
        problem = f"names questions of a file, but data.path={path} is not a file: data.splits names its splits"
        remedy = "data.test_ids=null, or data.path=FILE.json"
        raise RequestError(Mistake("data.test_ids", problem, remedy, data.test_ids))
    readings: dict[str, Reading] = {}
    mistakes: list[Mistake] = []
    for split, table in load_splits(data, data.config, cache.expanduser()).items():
        try:
            readings[split] = read_rows(
                table, "data.path", f"{path}[{getattr(data.splits, split)}]", data.ambiguous_answers
            )
        except RequestError as error:
            mistakes += error.mistakes
    if mistakes:
        raise RequestError(mistakes)
    return readings


def _is_file(path: str) -> bool:
    """Return whether a path names a file, not a data set of the hub (`rajpurkar/squad`) or a folder in its layout."""
    return path.endswith(".json") or Path(path).expanduser().is_file()


SOURCES: Mapping[type[Questions], Callable[[Any, Path], Opened]] = {QaDemo: _from_generator, Squad: _from_squad}
"""How the questions of each config class are opened."""
