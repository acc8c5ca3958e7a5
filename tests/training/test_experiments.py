"""Every shipped recipe trains for an epoch, on few rows and with a small model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.core.record.run_folder import RunFolder

RECIPES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "experiment").glob("*.yaml"))
SHORT = ["trainer.max_epochs=1", "trainer.threads=1", "logger=csv", "callbacks.curves.png=false", "data.num_workers=0"]
BERT = [
    "data.num_rows=200", "model.pretrained=false", "model.vocabulary_size=500", "model.architecture.vocab_size=500",
    "model.architecture.hidden_size=24", "model.architecture.intermediate_size=24",
]  # fmt: skip

SERIES = ("rainfall", "senamhi", "ucr")
TIMER = [
    "data.hours=1500", "data.stations=2", "data.window=96", "data.stride=12", "model.patch=24", "model.width=16",
    "model.num_layers=2", "model.num_heads=2", "model.ffn_width=16",
]  # fmt: skip


def series(warm: Any, tmp_path: Path, recipe: str) -> list[str]:
    """Overrides that make a recipe of series small, with the file or checkpoint that it needs."""
    if recipe == "ucr":
        pytest.importorskip("aeon")
        return ["data.name=ItalyPowerDemand", "model.num_features=168"]
    if recipe == "senamhi":
        (tmp_path / "weather.csv").write_text(weather())
        small = ["data.split.val_from=1994-05-01", "data.split.test_from=1994-07-01", "data.window=7"]
        return [f"data.path={tmp_path}/weather.csv", "model.filters=4", "model.depth=3", *small]
    if recipe == "rainfall_transfer":
        assert warm.run(tmp_path / "pre", ["experiment=rainfall_pretrain", *SHORT, *TIMER]) == 0
        return [*TIMER, f"model.checkpoint={tmp_path}/pre"]
    return TIMER


def weather() -> str:
    """300 days in the columns of SENAMHI, with a tenth of the values missing."""
    random = np.random.default_rng(0)
    names = ("DailyPrecipitation", "AverageTemperature", "RelativeHumidity", "AtmosphericPressure", "WindSpeed")
    rows = [",".join(["ProcessDate", *names, "SunshineHours"])]
    for day in np.arange("1994-01-01", "1994-10-28", dtype="datetime64[D]"):
        cells = [f"{value:.1f}" if random.random() < 0.9 else "" for value in random.gamma(1.0, 3.0, 6)]
        rows.append(",".join([str(day), *cells]))
    return "\n".join(rows) + "\n"


QUESTIONS = ["data.num_contexts=60", "data.max_length=64", "data.stride=16"]


QUICK = {"fast", "reports_beto", "imdb_quick", "peft_qdora", "rainfall_pretrain", "ucr"}


@pytest.mark.parametrize(
    "recipe", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in RECIPES]
)
def test_a_recipe_trains(warm: Any, tmp_path: Path, recipe: str) -> None:
    small = BERT
    if recipe.startswith(SERIES):
        small = series(warm, tmp_path, recipe)
    elif recipe.startswith("peft"):
        small = [*QUESTIONS, *BERT[1:]]
        if recipe != "peft_full":
            pytest.importorskip("bitsandbytes")
    if recipe.startswith("imdb"):
        rows = [
            f"{'good fine' if n % 2 else 'bad dull'} film number {n * 13},{'pos' if n % 2 else 'neg'}"
            for n in range(120)
        ]
        (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n")
        small = ["model=tiny", f"data.path={tmp_path}/reviews.csv"]
    assert warm.run(tmp_path / "run", [f"experiment={recipe}", *SHORT, *small]) == 0
    assert RunFolder(tmp_path / "run").read()["status"] == "completed"
