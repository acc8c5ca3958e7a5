"""A version of a model that is ready to answer: its predictor, its intake and its one thread of computing.

A version is named by a digest of the files that make the model, so a copy in another folder is the same version.
"""

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.config.schema.commands.serve import ServeRequest
from lab.config.schema.predict import PredictRequest
from lab.config.shipped import CONF
from lab.core.errors import RequestError
from lab.inference.inputs import STANDARD
from lab.inference.predictor import Field, Predictor, Row
from lab.inference.tasks import predictor_of
from lab.inference.winner import find_run
from lab.serving.intake import Intake, intake_of
from lab.training.tasks.saved_model import load_run

log = logging.getLogger(__name__)
DIGITS = 12
"""Hexadecimal digits of a version's name."""
MODEL_FILES = ("config.yaml", "spec.json", "calibration.json", "*.safetensors", "*.onnx", "tokenizer/*")
"""Files of a run or export folder that make the model, beside its checkpoint."""
Signature = tuple[Path, tuple[tuple[str, int, int], ...]]
"""Folder of a version, and the name, size and time of change of each of its files."""


@dataclass
class Answer:
    """Cells of one request by column, one mapping per row or window, and why some are empty, by their place."""

    predictions: list[dict[str, Any]]
    rejected: dict[int, str] = field(default_factory=dict)


class LoadedModel:
    """A model that answers in its own thread. folder: the run folder; version: its digest."""

    def __init__(self, predictor: Predictor, folder: Path, version: str) -> None:
        self.predictor, self.folder, self.version = predictor, folder, version
        self.intake: Intake = intake_of(predictor)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"lab-model-{version}")

    @property
    def columns(self) -> tuple[Field, ...]:
        """The columns of an answer."""
        return (*self.intake.carried, *self.predictor.fields)

    def same_interface(self, other: "LoadedModel") -> bool:
        """Return whether requests and answers of another version have the same columns."""
        return (self.intake.needed, self.columns) == (other.intake.needed, other.columns)

    def answer(self, requests: Sequence[Sequence[Row]]) -> list[Answer | RequestError]:
        """Return the answers to some requests, whose rows are computed together."""
        answers: list[Answer | RequestError] = []
        rows, owners = list[Row](), list[tuple[Answer, int]]()
        try:
            for request in requests:
                try:
                    prepared = self.intake.prepare(request)
                except RequestError as error:
                    answers.append(error)
                    continue
                answer = self._empty(prepared.rows)
                answer.rejected |= prepared.faults
                answers.append(answer)
                sound = [place for place in range(len(prepared.rows)) if place not in prepared.faults]
                rows += [prepared.rows[place] for place in sound]
                owners += [(answer, place) for place in sound]
            self._fill(rows, owners)
        finally:
            self.intake.done()
        return answers

    def _empty(self, rows: Sequence[Row]) -> Answer:
        names, fields = [own.name for own in self.intake.carried], self.predictor.fields
        nothing = {each.name: None for each in fields}
        return Answer([{name: row.get(name) for name in names} | nothing for row in rows])

    def _fill(self, rows: Sequence[Row], owners: Sequence[tuple[Answer, int]]) -> None:
        if not rows:
            return
        predicted, names = self.predictor.predict(rows), [each.name for each in self.predictor.fields]
        for item, ((answer, place), cells) in enumerate(zip(owners, predicted.cells, strict=True)):
            answer.predictions[place] |= dict(zip(names, cells, strict=True))
            if item in predicted.rejected:
                answer.rejected[place] = predicted.rejected[item]


def signature(request: ServeRequest) -> Signature:
    """Return what tells whether `run=` names other files than before. Raises RequestError as `find_run` does."""
    folder = find_run(request.run).resolve()
    stats = []
    for path in _files(folder, request.checkpoint):
        try:
            stat = path.stat()
        except FileNotFoundError:  # replaced at this moment; the next look sees what came
            continue
        stats.append((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    return folder, tuple(stats)


def load(request: ServeRequest) -> LoadedModel:
    """Load the model that `run=` names, with the checks of predict.py. Raises RequestError for one they refuse."""
    folder = find_run(request.run).resolve()
    config, model = load_run(folder, request.checkpoint)
    predictor = predictor_of(config, model, folder, predict_request(request))
    return LoadedModel(predictor, folder, _digest(folder, request.checkpoint))


def predict_request(request: ServeRequest) -> PredictRequest:
    """The request for predictions of a server; what a server does not set is as in conf/predict.yaml."""
    defaults = yaml.safe_load((CONF / "predict.yaml").read_text(encoding="utf-8"))
    own = {
        "run": request.run, "checkpoint": request.checkpoint, "device": request.device, "top_k": request.top_k,
        "batch_size": request.batch.rows, "plugins": request.plugins, "input": STANDARD, "output": STANDARD,
    }  # fmt: skip
    known = {key: value for key, value in defaults.items() if key in PredictRequest.model_fields}
    return PredictRequest.model_validate(known | own)


def _files(folder: Path, checkpoint: str) -> list[Path]:
    names = [*MODEL_FILES, f"checkpoints/{checkpoint}.ckpt"]
    return sorted(path for name in names for path in folder.glob(name) if path.is_file())


def _digest(folder: Path, checkpoint: str) -> str:
    digest = hashlib.sha256()
    for path in _files(folder, checkpoint):
        with path.open("rb") as file:
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:DIGITS]
