"""Generated reports as files, and how well the Bayes rule does on their test rows.

The generator draws labels from probabilities that it knows. A file has no room for them, so the Bayes rule is scored
here, on the rows that the files have.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from lab.data.text.corpus import Corpus

SPLITS = ("train", "val", "test")
HEADS = ("modo", "causa", "prioridad")
TEST_ROWS = 4000
"""At least so many."""


def prepare(num_rows: int, noise: int, folder: Path, _: Mapping[str, Path], generator_seed: int = 0) -> Sequence[str]:
    """Write the files that are not there yet, and return the overrides. noise: per cent of wrong training labels."""
    name = f"reports_{num_rows}_{noise}" + (f"_{generator_seed}" if generator_seed else "")
    files = {split: folder / f"{name}_{split}.csv" for split in SPLITS}
    if not all(path.exists() for path in files.values()):
        _write(num_rows, noise, files, generator_seed)
    return [
        "data=csv", *(f"data.{split}={path}" for split, path in files.items()), "data.text=[text]",
        f"data.labels=[{','.join(HEADS)}]", "data.leaks.action=warn", "data.batch_size=64",
    ]  # fmt: skip


def bayes(num_rows: int) -> dict[str, float]:
    """Scores of the Bayes rule on the test rows, which have no wrong labels, by the names of a run's metrics."""
    from lab.training.evaluation.classification import bayes_scores

    corpus = _corpus(num_rows)
    parts, rows = corpus.splits.values(), _places(num_rows, corpus, np.random.default_rng(0))["test"]
    probabilities, labels = {}, {}
    for head in corpus.heads:
        known = [part.probabilities[head.name] for part in parts if part.probabilities is not None]
        probabilities[head.name] = np.concatenate(known)[rows]
        labels[head.name] = np.concatenate([part.labels[head.name] for part in parts])[rows]
    return bayes_scores(probabilities, labels, corpus.heads)


@lru_cache(maxsize=1)
def _corpus(num_rows: int, generator_seed: int = 0) -> "Corpus":
    from lab.api.request import compose
    from lab.data.text.corpus import load

    size, seed = f"data.num_rows={num_rows + TEST_ROWS}", f"data.generator_seed={generator_seed}"
    config = compose([size, seed, "data.leaks.action=off"])
    return load(config.data, Path(config.cache.dir).expanduser())  # type: ignore[arg-type]


def _places(num_rows: int, corpus: "Corpus", random: np.random.Generator) -> dict[str, npt.NDArray[np.int64]]:
    """The rows of each new split, counted through the splits of the corpus."""
    order = random.permutation(sum(len(part.source_rows) for part in corpus.splits.values()))
    num_train = int(0.8 * num_rows)
    ends = (num_train, num_train + max(50, int(0.1 * num_rows)))
    return dict(zip(SPLITS, np.split(order, ends), strict=True))


def _write(num_rows: int, noise: int, files: Mapping[str, Path], generator_seed: int) -> None:
    """Rows of the generator in new splits; labels are replaced in train and val."""
    corpus, random = _corpus(num_rows, generator_seed), np.random.default_rng(0)
    parts = corpus.splits.values()
    texts = [text for part in parts for batch in part.texts.batches(1000) for text in batch]
    labels = {
        head.name: [
            head.classes[index] if index >= 0 else "" for part in parts for index in part.labels[head.name].tolist()
        ]
        for head in corpus.heads
    }
    for split, chosen in _places(num_rows, corpus, random).items():
        columns = {"text": [texts[place] for place in chosen]}
        for head in corpus.heads:
            values = [labels[head.name][place] for place in chosen]
            replaced = random.random(len(values)) < (0 if split == "test" else noise / 100)
            drawn = random.integers(head.num_classes, size=len(values))
            columns[head.name] = [
                head.classes[drawn[row]] if replaced[row] and value else value for row, value in enumerate(values)
            ]
        pd.DataFrame(columns).to_csv(files[split], index=False)
