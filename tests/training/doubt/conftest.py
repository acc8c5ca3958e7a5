"""A quick run of the n-gram model on texts with one label column."""

import csv
from collections.abc import Iterable
from pathlib import Path

from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Config

CONF = Path(__file__).parents[3] / "conf"
QUICK = ["data=csv", "data.text=[text]", "data.labels=[cause]", "model=ngram", "trainer.max_epochs=1",
         "trainer.threads=1", "trainer.accelerator=cpu", "logger=csv", "callbacks.curves.png=false",
         "baselines.enabled=false"]  # fmt: skip
WORDS = {"leak": ("drips", "puddle"), "wear": ("shakes", "noise")}
FEW = [(f"pump {n} {WORDS[cause][n % 2]}", cause) for n in range(60) for cause in WORDS]


def config_of(place: Path, *more: str, rows: Iterable[tuple[str, str]] = FEW) -> Config:
    """The config of a run on rows (text, cause), which are written to `place`."""
    with (place / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "cause"), *rows])
    with initialize_config_dir(str(CONF)):
        return check(compose("config", [*QUICK, f"data.path={place}/texts.csv", f"cache.dir={place}/cache", *more]))
