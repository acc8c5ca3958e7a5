"""A version of a model that is ready to answer: its predictor, its intake and its one thread of computing.

`lab.serving.version` names it.
"""

import logging
import math
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
from lab.core.record.run_folder import RunFolder
from lab.inference.addresses.fetch import discard
from lab.inference.doubt.columns import DoubtingPredictor, refuse_repeated, requested_doubts
from lab.inference.explain.interface import Explainer, Explanation
from lab.inference.explain.select import explainer_of
from lab.inference.inputs.interface import STANDARD
from lab.inference.onnx.load import load_model
from lab.inference.predictor import Cells, Field, Predictor, Row
from lab.inference.tasks import predictor_of
from lab.inference.winner import find_run
from lab.serving.intake import Intake, Prepared, intake_of
from lab.serving.version import digest

log = logging.getLogger(__name__)
NOT_FINITE = "got a prediction that is no finite number, which JSON does not have"


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
    """A model that answers in its own thread. folder: the run folder; version: its digest; intake: of its predictor;
    most_explained: rows of a request with explanations; doubting: the predictor with columns of doubt."""

    def __init__(
        self, predictor: Predictor, folder: Path, version: str, intake: Intake, most_explained: int,
        doubting: DoubtingPredictor | None = None,
    ) -> None:  # fmt: skip
        self.predictor: Predictor = predictor if doubting is None else doubting
        self.folder, self.version, self.intake, self.most_explained = folder, version, intake, most_explained
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
            reason = predicted.rejected.get(number, "" if _is_finite(cells) else NOT_FINITE)
            if reason:
                item.answer.rejected[item.place] = reason
            else:
                item.answer.predictions[item.place] |= dict(zip(names, cells, strict=True))

    def _explain(self, items: Sequence[_Item]) -> None:
        wanted = [i for i in items if i.answer.explanations is not None and i.place not in i.answer.rejected]
        if not wanted:
            return
        assert self.explainer is not None, "the body's type refuses explain=true"
        for item, explanations in zip(wanted, self.explainer.explain([i.row for i in wanted]), strict=True):
            assert item.answer.explanations is not None
            item.answer.explanations[item.place] = explanations


def load(request: ServeRequest) -> LoadedModel:
    """Load the model that `run=` names, with the checks of predict.py.

    Raises RequestError for one they refuse, for a custom module without `example=`, and as `requested_doubts` does.
    """
    folder = find_run(request.run).resolve()
    try:
        return _loaded(request, folder)
    except BaseException:
        discard(folder)
        raise


def _loaded(request: ServeRequest, folder: Path) -> LoadedModel:
    config, model = load_model(folder, request.checkpoint)
    settings = predict_request(request)
    predictor = predictor_of(config, model, folder, settings)
    intake = intake_of(predictor, request)
    doubts = requested_doubts(settings, RunFolder(folder), predictor.best)
    predictor.novelty = doubts.novelty
    wanted = doubts.abstain_below is not None or doubts.novelty is not None
    doubting = DoubtingPredictor(predictor, predictor.best, doubts) if wanted else None
    refuse_repeated([field.name for field in (doubting or predictor).fields], settings)
    version = digest(folder, request.checkpoint)
    return LoadedModel(predictor, folder, version, intake, request.limits.explained_rows, doubting)


def predict_request(request: ServeRequest) -> PredictRequest:
    """The request for predictions of a server; what a server does not set is as in conf/predict.yaml."""
    defaults = yaml.safe_load((CONF / "predict.yaml").read_text(encoding="utf-8"))
    own = {
        "run": request.run, "checkpoint": request.checkpoint, "device": request.device, "top_k": request.top_k,
        "batch_size": request.batch.rows, "plugins": request.plugins, "input": STANDARD, "output": STANDARD,
        "abstain_below": request.abstain_below, "novelty": request.novelty,
    }  # fmt: skip
    known = {key: value for key, value in defaults.items() if key in PredictRequest.model_fields}
    return PredictRequest.model_validate(known | own)


def _is_finite(cells: Cells) -> bool:
    return all(not isinstance(cell, float) or math.isfinite(cell) for cell in cells)
