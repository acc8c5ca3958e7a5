"""The files that every contestant trains on: banking77 where it is, else generated reports with their failure modes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FILES = ("train", "val", "test")


@dataclass(frozen=True)
class Rows:
    """Numbers of training, validation and, at most, test rows."""

    train: int
    val: int
    test: int


WHOLE = Rows(3000, 300, 3080)
QUICK = Rows(400, 200, 300)


def prepare(folder: Path, places: Mapping[str, Path], rows: Rows) -> str:
    """Write train.csv, val.csv, test.csv, new.csv (texts of test.csv) and truth.csv, and return the name of the data.

    places: folder of banking77, if it is there. Raises FileNotFoundError where its files are not in that folder.
    """
    name, (known, test) = (
        ("banking77", _banking(places["banking77"])) if "banking77" in places else ("reports", _reports(rows))
    )
    known = known.drop_duplicates("text").sample(frac=1.0, random_state=0)
    test = test.drop_duplicates("text")
    test = test[~test["text"].isin(set(known["text"]))]
    parts = {
        "train": known.iloc[: rows.train],
        "val": known.iloc[rows.train : rows.train + rows.val],
        "test": test.sample(n=min(rows.test, len(test)), random_state=0),
    }
    labels = set(parts["train"]["category"])
    for split, table in parts.items():
        parts[split] = table[table["category"].isin(labels)]
        parts[split].to_csv(folder / f"{split}.csv", index=False)
    parts["test"][["text"]].to_csv(folder / "new.csv", index=False)
    sizes = ", ".join(f"{len(table)} {split}" for split, table in parts.items())
    return f"{name}: {sizes} rows, {len(labels)} classes"


def _banking(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")


def _reports(rows: Rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generated reports, with the failure mode as label."""
    from lab.api.request import compose
    from lab.data.text.corpus import load

    wanted = rows.train + rows.val + rows.test
    config = compose([f"data.num_rows={wanted + wanted // 4}", "data.leaks.action=off"])
    corpus = load(config.data, Path(config.cache.dir).expanduser())  # type: ignore[arg-type]
    head = next(each for each in corpus.heads if each.name == "modo")
    tables = [
        pd.DataFrame({
            "text": [text for batch in part.texts.batches(1000) for text in batch],
            "category": [head.classes[label] if label >= 0 else None for label in part.labels["modo"].tolist()],
        })
        for part in corpus.splits.values()
    ]  # fmt: skip
    table = pd.concat(tables).dropna().drop_duplicates("text").sample(frac=1.0, random_state=0)
    return table.iloc[rows.test :], table.iloc[: rows.test]
