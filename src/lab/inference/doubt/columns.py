"""A predictor with columns of doubt: `HEAD_abstain` per head, and `unlike_training` with the reason.

`HEAD_abstain` is true where the probability of the best class or answer is below `abstain_below`: a person should
decide. A row without a prediction has empty cells.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.config.schema.predict import PredictRequest
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Table
from lab.inference.inputs.interface import Input, Settings
from lab.inference.predictor import Cells, Field, Predicted, Predictor, Row
from lab.training.doubt.novelty import Novelty
from lab.training.doubt.saved import saved_novelty

ABSTAIN, UNLIKE = "_abstain", "unlike_training"
NO_LIMITS = (
    "the run has no limits of novelty: it is of an older version, or it was trained with data.split.train_on_val=true"
)


@dataclass(frozen=True)
class Doubts:
    """abstain_below: least probability of a prediction that needs no person; None without such a column. novelty: the
    limits of rows that are like training; None without such a column."""

    abstain_below: float | None
    novelty: Novelty | None


def requested_doubts(request: PredictRequest, run: RunFolder, best: Sequence[str]) -> Doubts:
    """Return the doubts that a request wants. best: as `Predictor.best`.

    Raises RequestError where the model has no probabilities or the run no limits of novelty.
    """
    if request.abstain_below is not None and not best:
        problem = "the model gives no probabilities of classes or answers"
        raise RequestError(Mistake("abstain_below", problem, "abstain_below=null", request.abstain_below))
    novelty = saved_novelty(run) if request.novelty else None
    if request.novelty and novelty is None:
        remedy = f"novelty=false; for an older run python train.py {quoted('test', run.path)} adds them"
        raise RequestError(Mistake("novelty", NO_LIMITS, remedy, True))
    return Doubts(request.abstain_below, novelty)


def refuse_repeated(names: Sequence[str], request: PredictRequest) -> None:
    """Raises RequestError where two columns of predictions have one name, as with heads `cause` and `cause_2`."""
    refuse_if_any(_repeated(name, request) for name, num in Counter(names).items() if num > 1)


def _repeated(name: str, request: PredictRequest) -> Mistake:
    problem = f"two columns of predictions are called {name}: the run predicts a label of such a name"
    if request.abstain_below is not None and name.endswith(ABSTAIN):
        return Mistake("abstain_below", problem, "abstain_below=null", request.abstain_below)
    if request.novelty and name == UNLIKE:
        return Mistake("novelty", problem, "novelty=false", True)
    if request.explain and name.endswith(("_attributions", "_attribution_error")):
        return Mistake("explain", problem, "explain=false", True)
    if request.top_k > 1 and re.search(r"_\d+(_probability)?$", name):
        return Mistake("top_k", problem, "top_k=1", request.top_k)
    return Mistake("run", problem, "another name of the label in the data, and a new run", request.run)


class DoubtingPredictor(Predictor):
    """Predictions with columns of doubt. best: columns of the best classes, each followed by its probability."""

    def __init__(self, predictor: Predictor, best: Sequence[str], doubts: Doubts) -> None:
        self.predictor, self.doubts, self.needed = predictor, doubts, predictor.needed
        self.piece_rows = predictor.piece_rows
        names = [field.name for field in predictor.fields]
        self.places = {name: names.index(name) + 1 for name in best} if doubts.abstain_below is not None else {}
        own = [Field(f"{name}{ABSTAIN}", "yes or no") for name in self.places]
        own += [Field(UNLIKE, "text")] if doubts.novelty is not None else []
        self.fields = (*predictor.fields, *own)
        self.abstained = Counter[str]()
        self.num = self.num_abstained = self.num_unlike = 0

    def open(self, paths: Sequence[str], settings: Settings, columns: Mapping[str, str]) -> list[Input]:
        return self.predictor.open(paths, settings, columns)

    def predict(self, rows: Sequence[Row]) -> Predicted:
        result = self.predictor.predict(rows)
        for place, cells in enumerate(result.cells):
            nothing = (None,) * (len(self.fields) - len(cells))
            own = nothing if place in result.rejected else self._cells(cells, result.unlike.get(place))
            result.cells[place] = (*cells, *own)
        return result

    def _cells(self, cells: Cells, reason: str | None) -> Cells:
        self.num += 1
        limit = self.doubts.abstain_below or 0.0
        doubtful = {name: cells[at] is None or cells[at] < limit for name, at in self.places.items()}
        self.abstained.update(name for name, is_doubtful in doubtful.items() if is_doubtful)
        self.num_abstained += any(doubtful.values())
        if self.doubts.novelty is None:
            return tuple(doubtful.values())
        self.num_unlike += bool(reason)
        return (*doubtful.values(), reason or None)

    def scores(self) -> Table | None:
        return self.predictor.scores()

    def remarks(self) -> list[str]:
        lines = self.predictor.remarks()
        if self.doubts.abstain_below is not None:
            per_head = ", ".join(f"{name} {self.abstained[name]}" for name in self.places)
            heads = f" ({per_head})" if len(self.places) > 1 else ""
            limit = f"{self.doubts.abstain_below:g}"
            lines += [f"{self.num_abstained} of {self.num} rows are for a person: a probability below {limit}{heads}"]
        if self.doubts.novelty is not None:
            lines += [f"{self.num_unlike} of {self.num} rows are unlike the training rows: {UNLIKE} has the reason"]
        return lines
