"""Compares what transformers loads from an export with the run's model, on inputs of the run."""

from typing import Any

import torch

from lab.core.batches import QuestionBatch, TextBatch
from lab.core.errors import Mistake, RequestError
from lab.export.samples import samples_of
from lab.export.source import Source
from lab.models.text.families import reads_segments

LARGEST_DIFFERENCE = 1e-4
"""Of two numbers that the run's model and the loaded one compute; a folder with a larger one is refused."""
LARGEST_OF_LOGITS = 1e-5
"""As `LARGEST_DIFFERENCE`, of the logits of a head of transformers: both sides compute with the same layers."""


@torch.inference_mode()
def compared(source: Source, loaded: Any, faults: list[str]) -> str:
    """Return the line that says how far the numbers of a loaded model are from those of the run's model.

    faults: what transformers missed while loading. Raises RequestError for these and for a difference that is too
    large.
    """
    samples = samples_of(source)
    difference = torch.inf if faults else 0.0
    for batch in () if faults else samples.batches:
        difference = max(difference, _difference(source, loaded.eval(), batch))
    largest = LARGEST_OF_LOGITS if getattr(source.model, "has_own_head", False) else LARGEST_DIFFERENCE
    shown = f"{samples.num_rows} {samples.origin}"
    if not difference <= largest:
        problem = f"what transformers loads differs from the model by {difference:.1e} ({shown})"
        raise RequestError(Mistake("format", "; ".join([problem, *faults]), "format=torch", "hf"))
    return f"largest difference from the run's model, loaded by transformers: {difference:.1e} ({shown})"


def _difference(source: Source, loaded: Any, batch: TextBatch | QuestionBatch) -> float:
    """The largest difference of hidden states, or of the logits of questions, at tokens that are not padding."""
    inputs = {"input_ids": batch.ids, "attention_mask": batch.mask.long()}
    encoder = source.model.get_submodule("encoder")
    if isinstance(batch, QuestionBatch):
        segments = {"token_type_ids": batch.segments} if reads_segments(loaded.config) else {}
        result = loaded(**inputs, **segments)
        expected = source.model.get_submodule("span")(encoder(batch.ids, batch.mask, batch.segments))
        actual = torch.stack([result.start_logits, result.end_logits], -1)
    elif getattr(source.model, "has_own_head", False):
        (logits,) = source.model(batch)
        return float((logits - loaded(**inputs).logits).abs().max())
    else:
        expected, actual = encoder(batch.ids, batch.mask), loaded(**inputs).last_hidden_state
    return float((expected - actual)[batch.mask].abs().max())
