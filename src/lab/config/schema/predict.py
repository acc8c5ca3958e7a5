"""The typed config of a prediction. All defaults are in conf/predict.yaml."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lab.config.schema.node import Node, NullIsEmpty, PositiveInt

Paths = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value), Field(min_length=1)
]


class PredictRequest(Node):
    """A checked request for predictions."""

    run: str
    """Folder of a run, of a study or of a report; of the latter two their winner."""
    checkpoint: Literal["best", "last"]
    """Checkpoint of the run."""
    input: Paths
    """Files of new rows; `-` is standard input."""
    output: str
    """File of the predictions; `-` is standard output."""
    resume_output: bool
    """Continue an existing output behind its last whole row."""
    columns: Annotated[dict[str, str], NullIsEmpty]
    """For columns of the run, their names in the input."""
    top_k: PositiveInt
    """Classes or answers of each row, best first."""
    batch_size: PositiveInt
    """Rows or windows that the model computes at once."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")]
    """Where the model computes; auto: a GPU if there is one."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None
    """Sign between the cells of a CSV input; null: that of the run's data if the header has it, else by the ending of
    the name, or by its line `sep=`."""
    encoding: str | None
    """Encoding of a text input; null: UTF-8 if the file is UTF-8, else that of the run's data."""
    quoting: Literal["auto", "double", "backslash", "none"] | None
    """How quotes of a CSV input are read, as `data.quoting`; null: as the run's own data."""
    safe_csv: bool
    """Put an apostrophe before cells of CSV output that a spreadsheet would compute."""
    abstain_below: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Probability of the best class or answer below which a row is marked for a person; null: no row is marked."""
    novelty: bool
    """Mark rows that are unlike the training rows."""
    drift: bool
    """Compare the new rows with the rows of the run, in `<output>.drift.json`."""
    explain: bool
    """Add the attribution of each word to the score of the predicted class or answer."""
    explain_page: str | None
    """File of the page with shaded words, if `explain`; null: the output's name with `.explained.html`."""
    plugins: tuple[str, ...]
    """Modules to import before the model is loaded."""
