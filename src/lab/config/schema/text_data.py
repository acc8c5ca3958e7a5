"""Where rows come from, how they are split and checked, and how they are batched."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, Number, PositiveInt, Share


class Rows(Node):
    train: PositiveInt | None
    val: PositiveInt | None
    test: PositiveInt | None


class Split(Node):
    val: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    test: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    seed: NonNegativeInt
    stratify: bool
    group: str | None
    train_on_val: bool
    """Val rows are trained on as well, and the last epoch is kept: nothing is chosen any more."""


class Leaks(Node):
    action: Literal["refuse", "warn", "off"]
    duplicate_share: Share | None
    token_share: Annotated[float, Field(gt=0.0, le=1.0), Number]
    token_support: PositiveInt


class Data(Node):
    """What all data have, whatever they are."""

    metric: str
    """Validation metric that runs on such data are compared by; `objective.metric` takes it from here."""
    batch_size: PositiveInt
    eval_batch_size: PositiveInt
    num_workers: Annotated[int, Field(ge=0, le=512), Number]
    pin_memory: bool | Literal["auto"]
    persistent_workers: bool


class Labelled(Data):
    """Texts with label columns."""

    max_length: PositiveInt | Literal["auto"]
    max_tokens: PositiveInt | None
    max_rows: Rows
    split: Split
    leaks: Leaks


class Maintenance(Labelled):
    kind: Literal["maintenance"]
    num_rows: Annotated[int, Field(ge=100, le=100_000_000), Number]
    difficulty: Annotated[float, Field(ge=0.0, le=1.0), Number]
    generator_seed: NonNegativeInt


Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class Columned(Labelled):
    """Data with columns of its own."""

    text: Columns
    labels: Columns
    text_separator: str
    missing_markers: tuple[str, ...]
    """Cell values that mean "not known"."""
    split_labels: tuple[str, ...] | None = None
    """Label columns that hold sets of labels: each becomes a column per label. None: refuse columns that look so."""
    label_separator: Annotated[str, Field(min_length=1)] = "|"
    """What parts the labels of a set that is text; lists need none."""


class Files(Columned):
    kind: Literal["files"]
    path: str | tuple[str, ...] | None
    train: str | tuple[str, ...] | None
    val: str | tuple[str, ...] | None
    test: str | tuple[str, ...] | None
    delimiter: str | None
    encoding: str
    quoting: Literal["auto", "double", "backslash", "none"] = "auto"
    """How quotes within quoted cells are written, of CSV and TSV files."""


class QuestionLeaks(Node):
    action: Literal["refuse", "warn"] = "refuse"
    duplicate_share: Share = 0.1
    """Of val or test: questions that are asked in train about the same context."""


class Questions(Data):
    """Questions whose answers are stretches of their contexts."""

    language: Literal["en", "es", "pt"]
    """Whose articles do not count when answers are compared."""
    max_length: Annotated[int, Field(ge=16, le=2**31 - 1), Number]
    stride: NonNegativeInt
    max_answer: PositiveInt
    n_best: PositiveInt
    no_answer: bool
    dropped_share: Share
    ambiguous_answers: Literal["leave_out", "nearest"] = "leave_out"
    """Answers that do not stand where the file says and whose text stands several times: not trained on, or moved to
    the nearest place."""
    max_rows: Rows
    leaks: QuestionLeaks = QuestionLeaks()
    split: "QuestionSplit"


class QuestionSplit(Node):
    val: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    test: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    seed: NonNegativeInt
    train_on_val: bool
    """As of `Split`."""


class QaDemo(Questions):
    kind: Literal["qa_demo"]
    num_contexts: Annotated[int, Field(ge=20, le=10_000_000), Number]
    generator_seed: NonNegativeInt


class Splits(Node):
    train: str
    val: str | None
    test: str | None


class Hub(Columned):
    kind: Literal["hub"]
    path: str
    config: str | None
    revision: str | None
    splits: Splits


class Imdb(Columned):
    kind: Literal["imdb"]
    path: str
    """Hub name, aclImdb folder, or a file."""
    revision: str | None
    splits: Splits


class Squad(Questions):
    kind: Literal["squad"]
    path: str | None
    """A SQuAD file to be split here, or a hub name."""
    train: str | None
    val: str | None
    test: str | None
    test_ids: str | None
    """With a path: a file with the ids of the test questions."""
    config: str | None
    revision: str | None
    splits: Splits
