"""The predictor of each task, selected by the saved model."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeGuard, TypeVar

import lightning.pytorch as pl
import torch

from lab.config.schema import Config, Questions
from lab.config.schema.predict import PredictRequest
from lab.core.batches import (
    CustomSpec,
    PairTokenizer,
    QuestionSpec,
    SeriesSpec,
    Spec,
    TextSpec,
    Tokenizer,
    spec_from_fields,
)
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.record.run_folder import RunFolder
from lab.inference.custom import CustomPredictor
from lab.inference.onnx.model import OnnxModel
from lab.inference.predictor import UNCALIBRATED, Predictor, device_of
from lab.inference.questions import QuestionPredictor
from lab.inference.series import SeriesPredictor
from lab.inference.texts import TextPredictor
from lab.models.calibration import NO_OFFSETS
from lab.models.classifier import Classifier
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.build.tokenizer import load_tokenizer
from lab.training.doubt.saved import fitting_offsets, saved_temperatures

ModelT = TypeVar("ModelT")


def predictor_of(
    config: Config, model: pl.LightningModule | OnnxModel, folder: Path, request: PredictRequest
) -> Predictor:
    """Return the predictor of a loaded model. Raises RequestError for a model without classes or answers."""
    device, run = device_of(request.device), RunFolder(folder)
    saved = saved_temperatures(run)
    temperatures, offsets = (UNCALIBRATED, NO_OFFSETS) if saved is None else (saved.temperatures, saved.offsets)
    if isinstance(model, OnnxModel):
        device = torch.device("cpu") if request.device == "auto" else device
    if _is(model, MultitaskTextClassifier, TextSpec):
        tokenizer = _tokenizer(run, model.spec)
        return TextPredictor(
            config, model, tokenizer, request.columns, request.top_k, request.batch_size, device, temperatures,
            fitting_offsets(offsets, model.spec.heads, run),
        )  # fmt: skip
    if _is(model, ExtractiveQA, QuestionSpec) and isinstance(config.data, Questions):
        tokenizer = _tokenizer(run, model.spec)
        assert isinstance(tokenizer, PairTokenizer), "training refuses other tokenizers"
        return QuestionPredictor(
            config.data, model, tokenizer, request.columns, request.top_k, request.batch_size, device, temperatures
        )
    spec = spec_from_fields(run.read_spec())
    if _is(model, Classifier, SeriesSpec) and isinstance(spec, SeriesSpec):
        offsets = fitting_offsets(offsets, spec.heads, run)
        return SeriesPredictor(
            config, model, spec, run, request.top_k, request.batch_size, device, temperatures, offsets
        )
    if isinstance(spec, CustomSpec) and not isinstance(model, OnnxModel):
        return CustomPredictor(model, request.columns, request.batch_size, device)
    problem = f"its model {type(model).__name__} gives neither classes nor answers"
    raise RequestError(Mistake("run", problem, "a run of texts, questions or labelled series", folder))


def _tokenizer(run: RunFolder, spec: TextSpec | QuestionSpec) -> Tokenizer:
    """The tokenizer of a run. Raises RequestError for one that the model was not built for."""
    tokenizer = load_tokenizer(run.tokenizer)
    problems = []
    if tokenizer.vocabulary_size != spec.vocabulary_size:
        problems.append(f"has {tokenizer.vocabulary_size} ids, and spec.json says {spec.vocabulary_size}")
    if spec.max_length > tokenizer.longest:
        problems.append(f"reads {tokenizer.longest} {tokenizer.unit}, and spec.json says {spec.max_length}")
    refuse_if_any(Mistake("run", f"its tokenizer {each}", "a whole run folder", run.path) for each in problems)
    return tokenizer


def _is(model: object, kind: Callable[..., ModelT], spec_type: type[Spec]) -> TypeGuard[ModelT]:
    """Whether a model is of a kind, or is called like it: the graph of an export of such a model."""
    assert isinstance(kind, type), "a class"
    return isinstance(model, kind) or (isinstance(model, OnnxModel) and isinstance(model.spec, spec_type))
