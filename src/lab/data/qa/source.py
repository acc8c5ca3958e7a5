"""Where questions come from: SQuAD files (one per split, or one for all), the hub, or the generator."""

from pathlib import Path

from lab.config.schema import QaDemo, Questions, Squad
from lab.core.errors import Mistake, RequestError
from lab.data.qa.demo import generate
from lab.data.qa.question_rows import Reading
from lab.data.qa.squad import read_ids, read_rows, read_squad
from lab.data.readers.hub import load_splits

ALL = "all"
"""The reading of a source that is yet to be split."""


def opened(data: Questions, cache: Path) -> tuple[str, dict[str, Reading], list[str] | None]:
    """Name, readings by split (or `all`) and the ids of the test questions where a file names them.

    Raises RequestError with every file's mistakes together.
    """
    if isinstance(data, QaDemo):
        return "qa_demo", {ALL: generate(data.num_contexts, data.generator_seed)}, None
    assert isinstance(data, Squad), f"no source for {type(data).__name__}"
    if data.path is not None and not _is_file(data.path):
        return data.path.rstrip("/").split("/")[-1], _of_hub(data, data.path, cache), None
    asked = {"path": data.path, "train": data.train, "val": data.val, "test": data.test}
    given = {key: Path(path).expanduser() for key, path in asked.items() if path is not None}
    readings: dict[str, Reading] = {}
    mistakes: list[Mistake] = []
    test_ids: list[str] | None = None
    for key, path in given.items():
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
    return next(iter(given.values())).stem, readings, test_ids


def _of_hub(data: Squad, path: str, cache: Path) -> dict[str, Reading]:
    """The splits of a data set of the hub or of a folder in its layout."""
    if data.test_ids is not None:
        problem = f"names questions of a file, and data.path={path} is none: its splits are those of data.splits"
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
    """Whether a path names a file and not a data set of the hub (`rajpurkar/squad`) or a folder in its layout."""
    return path.endswith(".json") or Path(path).expanduser().is_file()
