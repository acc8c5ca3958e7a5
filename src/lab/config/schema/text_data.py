"""The data: the source of rows, and how they are split, checked and batched."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, Number, PositiveInt, Role, Share


class Rows(Node):
    """Largest number of rows of each split."""

    train: PositiveInt | None
    """Largest number of training rows; null: all."""
    val: PositiveInt | None
    """Largest number of validation rows; null: all."""
    test: PositiveInt | None
    """Largest number of test rows; null: all."""


class Split(Node):
    """How rows are split."""

    val: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Share of the rows for validation where no validation split is given."""
    test: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Share of the rows for test where no test split is given."""
    seed: NonNegativeInt
    """Seed of the split."""
    stratify: bool
    """Keep the shares of the combinations of labels in each split, where it can be done."""
    group: str | None
    """Column whose equal rows stay in one split; null: none."""
    train_on_val: bool
    """Val rows are trained on as well, and the last epoch is kept: nothing is chosen any more."""
    refit: bool = False
    """After the epoch is chosen on validation, train again from the start on train + val, and test that model."""
    folds: Annotated[int, Field(ge=2, le=1000), Number] | None = None
    """Divide all rows that are not test into so many folds, each of which is validation once; null: one split."""
    fold: NonNegativeInt | None = None
    """The fold that is validation, from 0; null with `folds`: a multirun of all folds."""


class Leaks(Node):
    """Checks for leakage."""

    action: Literal["refuse", "warn", "off"]
    """What leakage between splits does: end the run, warn, or nothing."""
    duplicate_share: Share | None
    """Share of validation or test rows whose masked text is in train, at most; null: no limit."""
    token_share: Annotated[float, Field(gt=0.0, le=1.0), Number]
    """A token that decides a label at least this often is named."""
    token_support: PositiveInt
    """... where it stands in at least this number of training rows."""


class Data(Node):
    """The keys of all data."""

    metric: str
    """Validation metric that runs on such data are compared by; `objective.metric` takes it from here."""
    batch_size: PositiveInt
    """Rows of a training batch."""
    eval_batch_size: Annotated[PositiveInt, Role.CHANGEABLE]
    """Rows of a validation or test batch."""
    num_workers: Annotated[
        Annotated[int, Field(ge=0, le=512), Number] | Literal["auto"],
        Role.UNNAMED | Role.CHANGEABLE | Role.NOT_COMPARED,
    ]
    """Processes that load batches; 0: none; `auto`: none, except for large batches of series with a GPU."""
    pin_memory: Annotated[bool | Literal["auto"], Role.CHANGEABLE | Role.NOT_COMPARED]
    """Page-locked memory for batches; `auto`: with a GPU."""
    persistent_workers: Annotated[bool, Role.CHANGEABLE | Role.NOT_COMPARED]
    """Keep the loading processes between epochs."""


class Labelled(Data):
    """Texts with label columns."""

    kind: str
    """Kind of the source; the keys that it has follow from it."""
    max_length: PositiveInt | Literal["auto"]
    """Longest text in tokens; longer ones are cut. `auto`: the 99th percentile of the training texts."""
    max_windows: Annotated[int, Field(ge=1, le=1000), Number] = 1
    """Windows of `max_length` tokens that a longer text is read in at validation, test and prediction, at most: the
    logits are their mean. 1: longer texts are cut. Training reads the first window."""
    max_tokens: PositiveInt | None
    """Largest number of padded tokens in a training batch; null: no limit."""
    max_rows: Rows
    """Largest number of rows of each split, drawn by `split.seed`."""
    split: Split
    """How rows are split."""
    leaks: Leaks
    """Checks for leakage between splits and for tokens that decide a label."""


class Maintenance(Labelled):
    """Generated Spanish maintenance reports."""

    kind: Literal["maintenance"]
    """The generator of Spanish maintenance reports."""
    num_rows: Annotated[int, Field(ge=100, le=100_000_000), Number]
    """Number of reports."""
    difficulty: Annotated[float, Field(ge=0.0, le=1.0), Number]
    """Ambiguity of labels and noise of texts, 0 (easy) to 1 (hard)."""
    generator_seed: NonNegativeInt
    """Seed of the reports."""


Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class Columned(Labelled):
    """Data with columns of its own."""

    text: Annotated[Columns, Role.UNNAMED]
    """Text columns, joined in this order."""
    labels: Annotated[Columns, Role.UNNAMED]
    """Label columns; each has a head of its own."""
    text_separator: str
    """What stands between the texts of two columns."""
    missing_markers: tuple[str, ...]
    """Cell values that mean "not known"."""
    split_labels: tuple[str, ...] | None = None
    """Label columns that hold sets of labels: each becomes a column per label. None: refuse columns that look so."""
    label_separator: Annotated[str, Field(min_length=1)] = "|"
    """What parts the labels of a set that is text; lists need none."""
    merge_spellings: bool = False
    """One class for labels that differ only in case, accents, spaces or the form of a whole number (Fuga, FUGA, fuga;
    1, 1.0); its name is the most frequent spelling of the training rows. False: each spelling is a class."""


SHUFFLE_BUFFER = 50_000


class Files(Columned):
    """The user's own files."""

    kind: Literal["files"]
    """Files: CSV, TSV, Parquet or JSON lines."""
    path: Annotated[str | tuple[str, ...] | None, Role.UNNAMED | Role.CHANGEABLE]
    """A file or several, which are split here."""
    train: Annotated[str | tuple[str, ...] | None, Role.UNNAMED | Role.CHANGEABLE]
    """Files of the training split, in place of `path`."""
    val: Annotated[str | tuple[str, ...] | None, Role.UNNAMED | Role.CHANGEABLE]
    """Files of the validation split; null: drawn from train."""
    test: Annotated[str | tuple[str, ...] | None, Role.UNNAMED | Role.CHANGEABLE]
    """Files of the test split; null: drawn from train."""
    delimiter: str | None
    """Sign between the cells of a CSV file; null: by the ending of the name."""
    encoding: str
    """Encoding of the files."""
    quoting: Literal["auto", "double", "backslash", "none"] = "auto"
    """How quotes within quoted cells are written, of CSV and TSV files."""
    streaming: bool = False
    """Read the training rows from shards (Parquet, JSON lines) during training, for data larger than memory."""
    shuffle_buffer: PositiveInt = SHUFFLE_BUFFER
    """Streamed rows that are in memory and shuffled together."""


class QuestionLeaks(Node):
    """Check for questions that stand in two splits."""

    action: Literal["refuse", "warn"] = "refuse"
    """What leakage between splits does: end the run, or warn."""
    duplicate_share: Share = 0.1
    """Of val or test: questions that occur in train with the same context."""


class Questions(Data):
    """Questions whose answers are stretches of their contexts."""

    language: Literal["en", "es", "pt"]
    """Whose articles do not count when answers are compared."""
    max_length: Annotated[int, Field(ge=16, le=2**31 - 1), Number]
    """Tokens of a question with a window of its context."""
    stride: NonNegativeInt
    """Tokens that two neighbouring windows of a context share."""
    max_answer: PositiveInt
    """Longest answer in tokens."""
    n_best: PositiveInt
    """Candidate answers that are kept per question."""
    no_answer: bool
    """Questions may have no answer in their context (SQuAD v2)."""
    dropped_share: Share
    """Share of answers that stand nowhere in their context, at most."""
    ambiguous_answers: Literal["leave_out", "nearest"] = "leave_out"
    """Answers that do not stand where the file says and whose text stands several times: not trained on, or moved to
    the nearest place."""
    max_rows: Rows
    """Largest number of questions of each split, drawn by `split.seed`."""
    leaks: QuestionLeaks = QuestionLeaks()
    """Check for questions that stand in two splits."""
    split: "QuestionSplit"
    """How documents are split."""


class QuestionSplit(Node):
    """How documents are split; all questions of a document stay in one split."""

    val: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Share of the documents for validation where no validation split is given."""
    test: Annotated[float, Field(gt=0.0, lt=1.0), Number]
    """Share of the documents for test where no test split is given."""
    seed: NonNegativeInt
    """Seed of the split."""
    train_on_val: bool
    """Train on the validation questions too, and keep the last epoch."""
    refit: bool = False
    """After the epoch is chosen on validation, train again from the start on train + val, and test that model."""


class QaDemo(Questions):
    """Generated reports with questions."""

    kind: Literal["qa_demo"]
    """The generator of reports with questions."""
    num_contexts: Annotated[int, Field(ge=20, le=10_000_000), Number]
    """Number of reports; each has three questions."""
    generator_seed: NonNegativeInt
    """Seed of the reports."""


class Splits(Node):
    """Names of the splits of a data set of the hub."""

    train: str
    """Name of the split of the hub to train on."""
    val: str | None
    """Name of the split for validation; null: drawn from train."""
    test: str | None
    """Name of the split for test; null: drawn from train."""


class Hub(Columned):
    """A labelled data set of the Hugging Face hub."""

    kind: Literal["hub"]
    """A data set of the Hugging Face hub."""
    path: Annotated[str, Role.UNNAMED | Role.CHANGEABLE]
    """Name of the data set."""
    config: str | None
    """Configuration of the data set; null: its default."""
    revision: str | None
    """Git revision of the data set; null: the newest."""
    splits: Splits
    """Names of its splits."""


class Imdb(Columned):
    """The IMDb reviews."""

    kind: Literal["imdb"]
    """The IMDb reviews."""
    path: Annotated[str, Role.UNNAMED | Role.CHANGEABLE]
    """Hub name, aclImdb folder, or a file."""
    revision: str | None
    """Git revision of the data set; null: the newest."""
    splits: Splits
    """Names of its splits."""


class Squad(Questions):
    """Questions in the format of SQuAD."""

    kind: Literal["squad"]
    """Questions in the format of SQuAD."""
    path: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE]
    """A SQuAD file to be split here, or a hub name."""
    train: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE]
    """File of the training split, in place of `path`."""
    val: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE]
    """File of the validation split; null: drawn from train."""
    test: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE]
    """File of the test split; null: drawn from train."""
    test_ids: str | None
    """With a path: a file with the ids of the test questions."""
    config: str | None
    """Configuration of the hub's data set; null: its default."""
    revision: str | None
    """Git revision of the hub's data set; null: the newest."""
    splits: Splits
    """Names of the splits of the hub's data set."""
