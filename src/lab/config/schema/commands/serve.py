"""The typed config of a server. All defaults are in conf/serve.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeFloat, Number, PositiveFloat, PositiveInt

MAX_PORT = 65535


class BatchConfig(Node):
    """How requests that arrive together share a batch."""

    rows: PositiveInt
    """Rows that the model computes at once, of one or several requests."""
    wait_ms: NonNegativeFloat
    """Longest wait in milliseconds for more requests before a batch that is not full is computed."""


class LimitsConfig(Node):
    """What a request may cost at most; a larger one is refused with the reason."""

    body_kib: PositiveInt
    """Largest body of a request, in KiB."""
    rows: PositiveInt
    """Most rows of a request."""
    explained_rows: PositiveInt
    """Most rows, or windows of series, of a request that wants explanations."""
    text_length: PositiveInt
    """Most characters of a cell."""
    time_s: PositiveFloat
    """Longest time in seconds for the headers of a request, for its body, and for its answer, each."""
    connections: PositiveInt
    """Most open connections; a further one is answered with 503 and closed."""
    waiting: PositiveInt
    """Most requests that wait for the model; further ones are refused with 503."""


class ServeRequest(Node):
    """A checked request for a server."""

    run: str
    """Folder of a run, of a study or of a report; of the latter two their winner."""
    checkpoint: Literal["best", "last"]
    """Checkpoint of the run."""
    host: Annotated[str, Field(min_length=1)]
    """Address or name of the network interface to listen on; 127.0.0.1 is this machine alone."""
    port: Annotated[int, Field(ge=0, le=MAX_PORT), Number]
    """TCP port; 0 takes a free one."""
    allowed_hosts: tuple[str, ...]
    """Names that the header Host of a request may have, beside IP addresses, localhost and `host`."""
    api_key_env: Annotated[str, Field(min_length=1)] | None
    """Environment variable with the key that requests must carry; null: no key."""
    top_k: PositiveInt
    """Classes or answers of each row, best first."""
    abstain_below: Annotated[float, Field(gt=0.0, le=1.0)] | None
    """Probability of the best class or answer below which a row is marked for a person; null: no row is marked."""
    novelty: bool
    """Mark rows that are unlike the training rows."""
    example: str | None
    """Of `model=custom`, a file of rows as predict.py reads it, whose first row shows the columns; null for others."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")]
    """Where the model computes; auto: a GPU if there is one."""
    reload_every_s: PositiveFloat | None
    """Seconds between looks whether `run` names another version; null never looks."""
    plugins: tuple[str, ...]
    """Modules to import before the model is loaded."""
    batch: BatchConfig
    """How requests share a batch."""
    limits: LimitsConfig
    """What a request may cost at most."""
