"""The linear model of texts beside a run: TF-IDF of n-grams with a support vector machine per class, calibrated.

Cost: one unit is a stored n-gram of a row times a class; a core does about 30 million units a second.
"""

import logging

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lab.config.schema import BaselinesConfig
from lab.core.batches import HeadSpec
from lab.data.text.corpus import Texts
from lab.data.text.datamodule import TextDataModule
from lab.models.classifier import Classifier
from lab.training.baselines.base import Baseline, SplitRows
from lab.training.baselines.fitted import SEED, SimpleModel, drawn
from lab.training.baselines.scoring import logit_baseline, named
from lab.training.baselines.stored import Outputs

log = logging.getLogger(__name__)
LINEAR = "linear"
CHUNK = 1000
"""Texts that are read at once, and those that tell how long texts are."""
NGRAMS_PER_CHARACTER = 2.5
MOST_SILENT = 1e8
"""Units of a fit from which the terminal says what takes time."""
MOST_FITTED = 2e8
"""Units of a fit of many rows, about 10 s; beyond, fewer rows are drawn, since the cost rises faster than the rows, and
the comparison says so."""
FEW_ROWS, MOST_FITTED_FEW = 20_000, 1e9
"""So many rows are all fitted, up to these units, about half a minute beside the training: of few rows each counts."""


MOST_VALIDATED = 20_000
"""Validation rows that choose C and the n-grams, and that the baseline is scored on; more would not change the choice,
and each is scored per candidate."""


def linear_model(config: BaselinesConfig, model: Classifier, data: TextDataModule, rows: SplitRows) -> SimpleModel:
    """All heads; where `rows` has validation rows, these (`MOST_VALIDATED` of them, evenly spaced) choose C and the
    n-grams, calibrate, and are scored."""
    splits, val_note = data.corpus.splits, None
    if "val" in rows:
        kept, val_note = evenly(rows["val"], MOST_VALIDATED)
        rows = {**rows, "val": kept}
    truth = {
        split: {name: labels[kept] for name, labels in splits[split].labels.items()} for split, kept in rows.items()
    }

    def compute() -> Outputs:
        from lab.models.linear.text import TextLinear

        train = splits["train"]
        per_row = units_per_row(train.texts, data.spec.heads)
        places, note = drawn(len(train.texts), affordable(config, per_row))
        if per_row * len(places) > MOST_SILENT:
            log.info(
                "fitting the linear model of %s texts as a baseline, kept in cache.dir for other runs",
                f"{len(places):,}",
            )
        labels = {name: column[places] for name, column in train.labels.items()}
        note = "; ".join(filter(None, [note, val_note])) or None
        held_out = None
        if "val" in rows:
            held_out = splits["val"].texts.at(rows["val"]).batches(CHUNK), truth["val"]
        texts = train.texts.at(places).batches(CHUNK)
        fitted = TextLinear.fit(texts, labels, data.spec.heads, held_out, seed=SEED)
        arrays = {
            named(split, index): logits
            for split, kept in rows.items()
            for index, logits in enumerate(fitted.logits(splits[split].texts.at(kept).batches(CHUNK)).values())
        }
        gaps = [f"{name}: {chosen['note']}" for name, chosen in fitted.choice.items() if chosen["note"]]
        return Outputs(arrays, "; ".join([*([note] if note else []), *gaps]) or None)

    def scored(outputs: Outputs) -> Baseline:
        return logit_baseline(LINEAR, outputs, truth, model)

    settings = {"max_rows": config.max_rows, "most_validated": MOST_VALIDATED}
    return SimpleModel(LINEAR, settings, compute, scored)


def units_per_row(texts: Texts, heads: tuple[HeadSpec, ...]) -> float:
    """The units that a row costs: n-grams of a text, from the mean length of some texts, times the classes."""
    some = texts.at(np.unique(np.linspace(0, len(texts) - 1, min(len(texts), CHUNK)).astype(np.int64)))
    lengths = pc.utf8_length(pa.array([text for batch in some.batches(CHUNK) for text in batch], pa.string()))
    characters = float(pc.mean(lengths).as_py() or 0.0)
    return NGRAMS_PER_CHARACTER * characters * sum(head.num_classes for head in heads)


def evenly(rows: npt.NDArray[np.int64], most: int) -> tuple[npt.NDArray[np.int64], str | None]:
    """At most `most` of the rows, evenly spaced, and a note if they are fewer."""
    if len(rows) <= most:
        return rows, None
    kept = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return kept, f"chosen and validated on {most:,} of {len(rows):,} validation rows"


def affordable(config: BaselinesConfig, per_row: float) -> BaselinesConfig:
    """The settings with fewer rows, at least 1,000, where so many would cost more than `MOST_FITTED` units, or
    `MOST_FITTED_FEW` of at most `FEW_ROWS` rows."""
    few = min(FEW_ROWS, MOST_FITTED_FEW / max(per_row, 1.0))
    most = int(max(1000, few, MOST_FITTED / max(per_row, 1.0)))
    return config.model_copy(update={"max_rows": min(config.max_rows, most)})
