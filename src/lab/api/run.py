"""A run folder as an object, and the table of many. Only `Run.model` and `Run.config` import torch."""

import html
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.config import plugins as plug_ins
from lab.config.check import check_report
from lab.config.schema import Config
from lab.config.shipped import CONF
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_yaml
from lab.core.record.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd
    from lightning.pytorch import LightningModule

    from lab.core.batches import Tokenizer

log = logging.getLogger(__name__)


class Run:
    """A run folder. Its files are read when they are needed; a run that is still training can be looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def record(self) -> dict[str, Any]:
        """run.json: status, objective, metrics, data, versions, times.

        >>> run.record["objective"]["metric"]
        'val/f1_macro'
        """
        try:
            return RunFolder(self.folder).read()
        except (OSError, Unreadable) as error:
            problem, remedy = f"run.json cannot be read: {error}", "a run folder, below outputs/ or multirun/"
            raise RequestError(Mistake("folder", problem, remedy, self.folder)) from error

    @property
    def status(self) -> str:
        """`completed`, `early_stopped`, `terminated`, `interrupted`, `failed` or `running`.

        >>> run.status
        'completed'
        """
        return str(self.record["status"])

    @property
    def metrics(self) -> dict[str, float]:
        """The scores of the best checkpoint by name; NaN where a score is not finite.

        >>> 0 <= run.metrics["test/f1_macro"] <= 1
        True
        """
        splits: Mapping[str, Mapping[str, float | None]] = self.record.get("metrics") or {}
        return {
            f"{split}/{name}": float("nan") if value is None else value
            for split, scores in splits.items()
            for name, value in scores.items()
        }

    @property
    def history(self) -> "pd.DataFrame":
        """One row per validation: `epoch` (from 0), `step`, then metrics with their split.

        >>> run.history[["epoch", "val/f1_macro"]].shape
        (2, 2)
        """
        import pandas as pd

        frame = pd.DataFrame(RunFolder(self.folder).history())
        return frame.astype({name: "float64" for name in frame.columns if name not in ("epoch", "step")})

    @cached_property
    def config(self) -> Config:
        """The settings that the run was started with, without its loggers. Raises RequestError as `model` does.

        >>> run.config.model.kind
        'ngram'
        """
        from lab.training.tasks.saved_model import read_config

        with _plugins_named(self.folder):
            return read_config(RunFolder(self.folder))

    @cached_property
    def model(self) -> "LightningModule":
        """The LightningModule with the weights of the best checkpoint, in evaluation mode, fp32, on the CPU.

        Of a run with `model=custom` it is the module of the plug-in. Raises RequestError if a file is missing or
        damaged, or plug-ins of the run are not imported.

        >>> run.model.training
        False
        """
        from lab.training.tasks.saved_model import load_model

        with _plugins_named(self.folder):
            model = load_model(self.folder)
        for name in plug_ins.changed(self.record.get("plugins") or []):
            log.warning("%s has changed since this run: its model may compute something else now", name)
        return model

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer of a run on texts or questions. Raises RequestError for other runs.

        >>> len(run.tokenizer.encode(["fuga de aceite"], 64))
        1
        """
        from lab.core.batches import QuestionSpec, TextSpec
        from lab.training.build.tokenizer import load_tokenizer
        from lab.training.tasks.saved_model import read_spec

        if not isinstance(read_spec(RunFolder(self.folder)), TextSpec | QuestionSpec):
            problem = "this run has no tokenizer: only runs on texts and questions have one"
            raise RequestError(Mistake("folder", problem, "Run.model, which needs none", self.folder))
        return load_tokenizer(RunFolder(self.folder).tokenizer)

    def predict(
        self, rows: "pd.DataFrame | Sequence[Mapping[str, Any]]", columns: Mapping[str, str] | None = None,
        top_k: int = 1, batch_size: int = 64, device: str = "auto",
    ) -> "pd.DataFrame":  # fmt: skip
        """Return rows with their predictions, as `predict.py` writes them. Nothing is written.

        rows: a DataFrame, or one mapping per row; of a run on series a table, whose windows are the rows of the result.
        columns, top_k, batch_size, device: as in conf/predict.yaml. A row without a prediction keeps its place with
        empty cells, and its reason is logged. Raises RequestError with every mistake.

        >>> run.predict([{"text": "fuga de aceite"}]).shape[0]
        1
        """
        from lab.api.prediction import predicted, request_of
        from lab.inference.tasks import predictor_of

        request = request_of(
            self.folder, columns=dict(columns or {}), top_k=top_k, batch_size=batch_size, device=device
        )
        predictor = predictor_of(self.config, self.model, self.folder, request)
        return predicted(predictor, rows, request.columns)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.status})"

    def _repr_html_(self) -> str:
        """The test scores over all heads, for a notebook."""
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{value:.4f}</td></tr>"
            for name, value in self.metrics.items()
            if name.startswith("test/") and name.count("/") == 1
        )
        return f"<p>{html.escape(repr(self))}</p><table>{rows}</table>"


@contextmanager
def _plugins_named(folder: Path) -> Iterator[None]:
    """Raise RequestError for plug-ins that are not imported with the call that imports them."""
    try:
        yield
    except RequestError as error:
        call = f"lab.load({str(folder)!r}, plugins="
        raise RequestError(
            replace(mistake, remedy=f"{call}{mistake.value!r})") if mistake.key == "plugins" else mistake
            for mistake in error.mistakes
        ) from error


def load(folder: str | Path, plugins: Sequence[str] = ()) -> "Run":
    """Return the run in a folder. Nothing in the folder is executed.

    plugins: modules to import, which the run's model, data or callbacks come from. Raises RequestError if the folder is
    no run, or a module cannot be imported.

    >>> load("outputs/first").status
    'completed'
    """
    plug_ins.load(plugins)
    run = Run(Path(folder))
    _ = run.record
    return run


def runs(folder: str | Path) -> "pd.DataFrame":
    """Return one row per run in and below a folder: its outcome, costs, scores and settings, as in the report.

    Scores are those of the best checkpoint. Runs on different data are in one table. A folder that cannot be read is
    left out with a warning. Raises RequestError if there is no run.

    >>> runs("outputs")[["run", "status", "model.kind"]].values.tolist()
    [['first', 'completed', 'ngram']]
    """
    import pandas as pd

    from lab.report.analysis.run_table import build_run_table
    from lab.report.sources.select import read_requested
    from lab.report.text.translate import translate

    shipped = read_yaml(CONF / "report.yaml") | {"runs": [str(folder)], "allow_mixed": True}
    request = check_report({key: value for key, value in shipped.items() if key not in ("defaults", "hydra")})
    table = build_run_table(read_requested(request), request.objective, request.allow_mixed, request.statistics.repeats)
    for exclusion in table.exclusions:
        log.warning("%s: %s", exclusion.path, translate(exclusion.reason, request.lang))
    shared = {key: value for key, value in table.constant.items() if key not in table.frame}
    return pd.concat([table.frame, pd.DataFrame([shared] * len(table.frame))], axis=1)
