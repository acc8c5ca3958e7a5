"""Trained runs of every task, whose training data are deleted, and a function that predicts with them."""

import csv
import shutil
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

from lab.config.check import check, check_predict
from lab.core.record.run_folder import RunFolder
from lab.data.series.rainfall import generate
from lab.inference.predict import Done, predict
from lab.inference.predictor import Predictor
from lab.inference.tasks import predictor_of
from lab.training.tasks.saved_model import load_run
from lab.training.train import train

from .. import plugin_state

CONF = Path(__file__).parents[2] / "conf"
QUICK = ["trainer.max_epochs=1", "trainer.threads=1", "trainer.accelerator=cpu", "logger=csv",
         "callbacks.curves.png=false", "baselines.enabled=false"]  # fmt: skip
TINY = ["data.batch_size=16", "model.architecture.hidden_size=16", "model.architecture.intermediate_size=16",
        "model.vocabulary_size=300"]  # fmt: skip
FILE = ["data=csv", "data.path=texts.csv", "data.text=[title,text]", "data.labels=[cause,state]"]
OWN = "tests.inference.own_module"
RUNS = {
    "custom": [f"plugins=[{OWN}]", "model=custom", f"model._target_={OWN}.Machine", "data=custom",
               f"data._target_={OWN}.MachineData", "data.metric=val/loss", "objective.mode=min", "optimizer.lr=0.1"],
    "conv": ["plugins=[examples.plugins.conv_encoder]", *FILE, "model=conv", "model.width=8",
             "data.batch_size=16"],
    "plugin_net": ["plugins=[tests.end_to_end.every_registry]", "data=series_table", "data.path=weather.csv",
            "data.time=hour", "data.group=station", "model=last_values",
            "data.label={feature: temperature, horizon: 1, threshold: 17}", "data.window=24"],
    "qlora": [*FILE, "peft=qlora", "peft.r=2", *TINY],
    "qdora": [*FILE, "peft=qdora", "peft.r=2", *TINY],
    "ngram": [*FILE, "model=ngram"],
    "linear": [*FILE, "model=linear"],
    "encoder": [*FILE, *TINY],
    "lora": [*FILE, "peft=lora", "peft.r=2", *TINY],
    "own_head": [*FILE[:-1], "data.labels=[cause]", "model.head=transformers", "peft=lora", "peft.r=2", *TINY],
    "dora": [*FILE, "peft=dora", "peft.r=2", *TINY],
    "questions": ["data=qa_demo", "data.num_contexts=30", "data.max_length=64", "data.stride=16", *TINY],
    "series": ["data=series_table", "data.path=weather.csv", "data.time=hour", "data.group=station",
               "data.label={feature: temperature, horizon: 1, threshold: 17}", "data.window=24", "data.calendar=[day]",
               "data.missing_values=ffill", "data.log1p=[rain]", "model=minirocket", "model.num_features=168"],
}  # fmt: skip
RUNS["adapted_questions"] = [*RUNS["questions"], "peft=lora", "peft.r=2"]
RUNS["lags"] = [*RUNS["series"][:-2], "model=logistic_lags"]
RUNS["ngram_on_base"] = [*RUNS["ngram"], "model.base=linear", "model.buckets=256"]
RUNS["windows"] = [*RUNS["encoder"], "data.max_length=6", "data.max_windows=3"]
RUNS["encoder_on_base"] = [*RUNS["encoder"], "model.base=linear"]
RUNS["net"] = [*RUNS["series"][:-2], "model=inception_time", "model.depth=1", "model.filters=4", "model.bottleneck=4"]
RUNS["net_on_base"] = [*RUNS["net"], "model.base=linear"]
WORDS = {"leak": ("drips", "puddle"), "wear": ("shakes", "noise")}


def plugins_of(settings: list[str]) -> list[str]:
    return next((word[9:-1].split(",") for word in settings if word.startswith("plugins=[")), [])


def text_rows(num: int = 60) -> list[tuple[str, str, str, str]]:
    return [
        (f"pump {n}", f"{WORDS[cause][n % 2]} " * (1 + n % 7), cause, "open" if n % 3 else "done")
        for n in range(num)
        for cause in WORDS
    ]


def write_csv(path: Path, rows: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_weather(path: Path, hours: int = 600, first: int = 0, names: tuple[str, str] = ("hour", "station")) -> Path:
    panel = generate(2, max(hours, 600), 0.0, 7)
    rows: list[list[object]] = [[*names, *panel.columns]]
    for group, part in panel.parts():
        for row in range(part.start + first, part.start + hours):
            time = str(panel.times(panel.starts[:1] + (row - part.start))[0])[:19]
            rows.append([time, group, *(round(float(value), 4) for value in panel.values[row])])
    return write_csv(path, rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def decided(run: Path, head: str, offsets: list[float]) -> Path:
    """Give a copied run a decision rule."""
    content = RunFolder(run).read_calibration()
    assert content is not None
    rule = {"tau": 1.0, "metric": "mcc", "rows": 9, "argmax": 0.1, "cross_fitted": 0.2, "interval": [0.1, 0.2]}
    RunFolder(run).write_calibration(content | {"decisions": {head: rule | {"offsets": offsets}}})
    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Name of a run -> its folder. Its data and cache are deleted."""
    runs: dict[str, Path] = {}

    def run(name: str) -> Path:
        needed = {
            **{name: ["peft"] for name in ("lora", "dora", "adapted_questions")},
            "own_head": ["peft"],
            "qlora": ["peft", "bitsandbytes"],
            "qdora": ["peft", "bitsandbytes"],
        }
        if lacking := [package for package in needed.get(name, []) if find_spec(package) is None]:
            pytest.skip(f"not installed: {lacking}")
        plugin_state.load(plugins_of(RUNS[name]))
        if name not in runs:
            runs[name] = _trained(RUNS[name], tmp_path_factory.mktemp("run"))
        return runs[name]

    return run


def _trained(settings: list[str], place: Path) -> Path:
    write_csv(place / "texts.csv", [("title", "text", "cause", "state"), *text_rows()])
    write_weather(place / "weather.csv")
    paths = [word.replace("data.path=", f"data.path={place}/") for word in settings]
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", [*paths, *QUICK, f"cache.dir={place / 'cache'}"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(config, place / "run", "python train.py")
    for file in place.glob("*.csv"):
        file.unlink()
    shutil.rmtree(place / "cache", ignore_errors=True)
    return place / "run"


@pytest.fixture
def predict_with(trained: Callable[[str], Path], tmp_path: Path) -> Callable[..., Done]:
    """Predicts with a trained run: `predict_with("ngram", input=...)`, into `out.csv` unless `output` is given."""

    def with_run(name: str, **settings: Any) -> Done:
        run = settings.pop("run", None) or trained(name)
        values = {"run": run, "output": tmp_path / "out.csv", "device": "cpu"} | settings
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}
        defaults = yaml.safe_load((CONF / "predict.yaml").read_text())
        own = {key: value for key, value in defaults.items() if key not in ("defaults", "hydra")}
        return predict(check_predict(own | plain))

    return with_run


def predictor_of_run(run: Path) -> Predictor:
    """The predictor of a run with the default settings, on the CPU."""
    defaults = yaml.safe_load((CONF / "predict.yaml").read_text())
    own = {key: value for key, value in defaults.items() if key not in ("defaults", "hydra")}
    config, model = load_run(run)
    return predictor_of(config, model, run, check_predict(own | {"run": str(run), "input": "-", "device": "cpu"}))
