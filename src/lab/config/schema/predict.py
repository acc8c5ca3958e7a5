"""The typed config of a prediction. All defaults are in conf/predict.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NullIsEmpty, Number, PositiveInt
from lab.config.schema.report import Texts


class PredictRequest(Node):
    """A checked request for predictions."""

    run: str
    """Folder of a run, or of a study, whose winner is taken."""
    input: Annotated[Texts, Field(min_length=1)]
    """Files of new rows: CSV, TSV, Parquet or JSON lines; `-`: CSV from standard input."""
    output: str
    """File of the predictions, by its ending CSV, Parquet or JSON lines; `-`: CSV to standard output."""
    columns: Annotated[dict[str, str], NullIsEmpty]
    """Name of a column in the training data to its name in the input, where they differ."""
    top_k: PositiveInt
    """Number of classes per head that are written, the most probable first."""
    batch_size: PositiveInt
    """Rows of a batch."""
    resume_output: bool
    """Continue an interrupted prediction behind the rows that it has written."""
    safe_csv: bool
    """Write a ' before cells that a spreadsheet would take for a formula."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None
    """Sign between the cells of a CSV input; null: by the ending of the name."""
    encoding: str
    """Encoding of text inputs."""
    accelerator: Literal["auto", "cpu", "gpu"]
    """Device: `cpu`, `gpu`, or `auto` for a GPU if there is one."""
    cache: Annotated[str, Field(min_length=1)]
    """Folder of Arrow copies of the inputs."""
    threads: Annotated[int, Field(gt=0, le=1_024), Number] | None
    """CPU threads; null: all cores."""
    plugins: tuple[str, ...]
    """Modules that the run needs; importing a module runs its code."""
