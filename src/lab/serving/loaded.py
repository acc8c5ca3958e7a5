"""A version of a model that is ready to answer: its predictor, its intake and its one thread of computing.

A version is named by a digest of the files, and of the recorded facts, that make the model, so a copy in another folder
is the same version.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lab.config.schema.commands.serve import ServeRequest
from lab.config.schema.predict import PredictRequest
from lab.config.shipped import CONF
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json
from lab.inference.addresses.fetch import is_address, version_of
from lab.inference.custom import CustomPredictor
from lab.inference.explain.interface import Explainer, Explanation
from lab.inference.explain.select import explainer_of
from lab.inference.inputs import STANDARD
from lab.inference.onnx.load import load_model
from lab.inference.predictor import Field, Predictor, Row
from lab.inference.series import RECORDED
from lab.inference.tasks import predictor_of
from lab.inference.winner import find_run
from lab.serving.intake import Intake, Prepared, intake_of

log = logging.getLogger(__name__)
DIGITS = 12
"""Hexadecimal digits of a version's name."""
MODEL_FILES = ("config.yaml", "spec.json", "calibration.json", "*.safetensors", "*.onnx", "tokenizer/*")
"""Files of a run or export folder that make the model, beside its checkpoint and what `_recorded` takes."""
RECORD = "run.json"
Signature = tuple[Path, tuple[tuple[str, int, int], ...]]
"""Folder of a version, and the name, size and time of change of each of its files; or an address and its version."""


@dataclass(frozen=True)
class Query:
    """One request. explain: whether its predictions are explained."""

    rows: Sequence[Row]
    explain: bool = False


@dataclass
class Answer:
    """Cells of one request by column, one mapping per row or window, and why some are empty, by their place.

    explanations: of each row, one per head, none where the cells are empty; None if they are not wanted.
    """

    predictions: list[dict[str, Any]]
    rejected: dict[int, str] = field(default_factory=dict)
    explanations: list[list[Explanation]] | None = None


class _Item(NamedTuple):
    """A row to predict, and its place in an answer."""

    answer: Answer
    place: int
    row: Row


class LoadedModel:
    """A model that answers in its own thread. folder: the run folder; version: its digest; most_explained: rows of a
    request with explanations."""

    def __init__(self, predictor: Predictor, folder: Path, version: str, most_explained: int) -> None:
        self.predictor, self.folder, self.version = predictor, folder, version
        self.most_explained = most_explained
        self.intake: Intake = intake_of(predictor)
        self.explainer: Explainer | None = None
        self.unexplained = ""
        """Why there are no explanations; empty if there are."""
        try:
            self.explainer = explainer_of(predictor)
        except RequestError as error:
            self.unexplained = "; ".join(f"{each.problem} ({each.remedy})" for each in error.mistakes)
            log.info("requests cannot have explanations: %s", self.unexplained)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"lab-model-{version}")

    @property
    def columns(self) -> tuple[Field, ...]:
        """The columns of an answer."""
        return (*self.intake.carried, *self.predictor.fields)

    def same_interface(self, other: "LoadedModel") -> bool:
        """Return whether requests and answers of another version have the same columns."""
        own, its = self.explainer is not None, other.explainer is not None
        return (self.intake.needed, self.columns, own) == (other.intake.needed, other.columns, its)

    def answer(self, queries: Sequence[Query]) -> list[Answer | RequestError]:
        """Return the answers to some requests, whose rows are computed together."""
        answers: list[Answer | RequestError] = []
        items: list[_Item] = []
        try:
            for query in queries:
                try:
                    prepared = self._prepared(query)
                except RequestError as error:
                    answers.append(error)
                    continue
                answer = self._empty(prepared.rows, query.explain)
                answer.rejected |= prepared.faults
                answers.append(answer)
                items += [
                    _Item(answer, place, row) for place, row in enumerate(prepared.rows) if place not in prepared.faults
                ]
            self._predict(items)
            self._explain(items)
        finally:
            self.intake.done()
        return answers

    def _prepared(self, query: Query) -> Prepared:
        prepared = self.intake.prepare(query.rows)
        if query.explain and len(prepared.rows) > self.most_explained:
            num = len(prepared.rows)
            problem = f"has {num} predictions to explain; limits.explained_rows={self.most_explained} are allowed"
            raise RequestError(Mistake("rows", problem, "fewer rows, or no explanations"))
        return prepared

    def _empty(self, rows: Sequence[Row], explain: bool) -> Answer:
        names, fields = [own.name for own in self.intake.carried], self.predictor.fields
        nothing = {each.name: None for each in fields}
        predictions = [{name: row.get(name) for name in names} | nothing for row in rows]
        return Answer(predictions, explanations=[[] for _ in rows] if explain else None)

    def _predict(self, items: Sequence[_Item]) -> None:
        if not items:
            return
        names, predicted = [each.name for each in self.predictor.fields], self.predictor.predict([i.row for i in items])
        for number, (item, cells) in enumerate(zip(items, predicted.cells, strict=True)):
            item.answer.predictions[item.place] |= dict(zip(names, cells, strict=True))
            if number in predicted.rejected:
                item.answer.rejected[item.place] = predicted.rejected[number]

    def _explain(self, items: Sequence[_Item]) -> None:
        wanted = [i for i in items if i.answer.explanations is not None and i.place not in i.answer.rejected]
        if not wanted:
            return
        assert self.explainer is not None, "the body's type refuses explain=true"
        for item, explanations in zip(wanted, self.explainer.explain([i.row for i in wanted]), strict=True):
            assert item.answer.explanations is not None
            item.answer.explanations[item.place] = explanations


def signature(request: ServeRequest) -> Signature:
    """Return what tells whether `run=` names other files than before. Raises RequestError as `find_run` does.

    Of an address of a registry only the version is read; nothing is fetched.
    """
    if is_address(request.run):
        return Path(request.run), ((version_of(request.run), 0, 0),)
    folder = find_run(request.run).resolve()
    stats = []
    for path in _files(folder, request.checkpoint):
        try:
            stat = path.stat()
        except FileNotFoundError:  # replaced at this moment; the next look sees what came
            continue
        stats.append((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    if facts := _recorded(folder):
        stats.append((f"{RECORD} {hashlib.sha256(facts).hexdigest()}", len(facts), 0))
    return folder, tuple(stats)


def load(request: ServeRequest) -> LoadedModel:
    """Load the model that `run=` names, with the checks of predict.py.

    Raises RequestError for one they refuse, and for a custom module, whose columns are known from its first row only.
    """
    folder = find_run(request.run).resolve()
    config, model = load_model(folder, request.checkpoint)
    predictor = predictor_of(config, model, folder, predict_request(request))
    if isinstance(predictor, CustomPredictor):
        problem = f"its own module {type(predictor.model).__name__} does not name the columns that it reads and returns"
        own = f" 'plugins=[{','.join(request.plugins)}]'" if request.plugins else ""
        remedy = f"python predict.py run={request.run} input=new.csv{own}"
        raise RequestError(Mistake("run", f"cannot be served: {problem}", remedy, folder))
    return LoadedModel(predictor, folder, _digest(folder, request.checkpoint), request.limits.explained_rows)


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
    names = [*MODEL_FILES, f"checkpoints/{checkpoint}.ckpt", "checkpoints/refit.ckpt"]
    return sorted(path for name in names for path in folder.glob(name) if path.is_file())


def _recorded(folder: Path) -> bytes:
    """The facts that a predictor of series reads from the run's record, as JSON; empty for other runs."""
    try:
        facts = read_json(folder / RECORD, dict).get("data")
    except (OSError, Unreadable):  # `load` says what is wrong with it
        return b""
    if not isinstance(facts, dict) or "step_s" not in facts:
        return b""
    return json.dumps({name: facts.get(name) for name in RECORDED}, sort_keys=True).encode()


def _digest(folder: Path, checkpoint: str) -> str:
    digest = hashlib.sha256()
    for path in _files(folder, checkpoint):
        with path.open("rb") as file:
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(hashlib.file_digest(file, "sha256").digest())
    digest.update(_recorded(folder))
    return digest.hexdigest()[:DIGITS]
