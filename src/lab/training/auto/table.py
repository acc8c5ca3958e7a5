"""The table of `model=auto`, and the pure decision: the first row whose conditions hold is taken.

Each row says where it comes from: the validation scores of `benchmarks.truth` (docs/truth.md). Rows about encoders on a
GPU follow publications, not measurements of this project, and say so.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lab.config.rules.tasks import LABELLED, QUESTIONS, SERIES
from lab.core.errors import listed

RARE = 30
"""A class with fewer training rows than this is rare."""
MAX_WORDS = 1_000_000
"""Words that MiniLM reads in some three minutes on two cores (7,700 tokens a second; LOG.md, 2026-11-30)."""
FEWEST_EPOCHS, MOST_EPOCHS = 4, 40
"""Of a model whose epochs follow the rows."""
LANGUAGES = {"en": "English", "es": "Spanish", "pt": "Portuguese"}


@dataclass(frozen=True)
class Facts:
    """What the choice knows of the data.

    task: as in `lab.config.rules.tasks`; rows: of train; classes: of the head with most of them; rare_share: share of
    these with fewer than `RARE` rows; language: code of the texts', None: not known; timed: windows of a table with
    times, not cases of an archive; feature_gib: size of MiniRocket's features of all training windows; held_out:
    whether no validation row is trained on, which a simple model below a network needs; streamed: rows stay on disk;
    words: of the texts of all splits; in_windows: whether a long text is read in several windows; labelled: rows of
    train with a label of the head with most classes, None: all.
    """

    task: str
    rows: int
    classes: int = 0
    rare_share: float = 0.0
    language: str | None = None
    timed: bool = False
    feature_gib: float = 0.0
    held_out: bool = True
    streamed: bool = False
    words: int = 0
    in_windows: bool = False
    labelled: int | None = None


@dataclass(frozen=True)
class Machine:
    """What the choice knows of the machine. weights: choices of `model` whose pretrained weights are here, without the
    network; has_gpu: called only where a row needs it, since it imports torch."""

    weights: Collection[str]
    has_gpu: Callable[[], bool]


@dataclass(frozen=True)
class Row:
    """A line of the table: the model, its conditions, and the evidence in words.

    base: the simple model that it starts from (`model.base`), only where validation rows are held out; weights: whether
    the model's weights must be here; gpu: whether it needs one; timed: None: either; in_memory: whether it needs all
    rows in memory; min_rows_per_class: labelled training rows of a class, on average over the head with most classes;
    max_words: most words of all texts for a model that keeps one vector of each text, which therefore has one window
    (None: neither matters); rows_read: training rows that all epochs read together, so few rows have more epochs, from
    `FEWEST_EPOCHS` to `MOST_EPOCHS` (None: the model's own epochs).
    """

    task: str
    model: str
    evidence: str
    language: str | None = None
    base: str | None = None
    min_rows: int = 0
    max_rows: int | None = None
    min_classes: int = 0
    min_rows_per_class: int = 0
    max_feature_gib: float | None = None
    timed: bool | None = None
    weights: bool = False
    gpu: bool = False
    in_memory: bool = False
    max_words: int | None = None
    rows_read: int | None = None

    def epochs(self, rows: int) -> int | None:
        """Return the epochs for so many training rows; None: those of the model."""
        if self.rows_read is None:
            return None
        return min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-self.rows_read // max(1, rows))))

    def holds(self, facts: Facts, machine: Machine) -> bool:
        """Return whether all conditions hold."""
        labelled = facts.rows if facts.labelled is None else facts.labelled
        return (
            self.task == facts.task
            and self.language in (None, facts.language)
            and self.min_rows <= facts.rows
            and (self.max_rows is None or facts.rows <= self.max_rows)
            and facts.classes >= self.min_classes
            and labelled >= self.min_rows_per_class * max(1, facts.classes)
            and (self.max_feature_gib is None or facts.feature_gib <= self.max_feature_gib)
            and self.timed in (None, facts.timed)
            and (self.base is None or facts.held_out)
            and (not self.weights or self.model in machine.weights)
            and not (self.in_memory and facts.streamed)
            and (self.max_words is None or (facts.words <= self.max_words and not facts.in_windows))
            and (not self.gpu or machine.has_gpu())
        )


def _on_gpu(language: str, *models: str) -> tuple[Row, ...]:
    evidence = f"a pretrained {LANGUAGES[language]} encoder is here, and a GPU; as published, not measured here"
    return tuple(
        Row(LABELLED, model, evidence, language, base, 1000, weights=True, gpu=True, in_memory=base is not None)
        for base in ("linear", None)
        for model in models
    )


TABLE: tuple[Row, ...] = (
    *_on_gpu("es", "beto", "distilbeto", "distilbert_multilingual"),
    *_on_gpu("pt", "bertimbau", "distilbert_multilingual"),
    *_on_gpu("en", "roberta", "bert", "distilbert", "minilm"),
    Row(
        LABELLED,
        "minilm_frozen",
        "vectors of a frozen English encoder on a linear model were above n-grams on three of four English sets",
        "en",
        base="linear",
        weights=True,
        in_memory=True,
        max_words=MAX_WORDS,
    ),
    *(
        Row(
            LABELLED,
            "tiny_attention",
            f"with {rows} rows a class, a small encoder on a linear model was above n-grams on generated reports",
            language,
            base="linear",
            min_rows_per_class=rows,
            in_memory=True,
            max_words=MAX_WORDS,
            rows_read=50_000,
        )
        for rows, language in ((80, "es"), (200, None))
    ),
    Row(
        LABELLED,
        "ngram",
        "n-grams on a linear model were at or above the linear model on the validation rows of every set",
        base="linear",
        in_memory=True,
    ),
    Row(LABELLED, "linear", "TF-IDF with a linear model was above n-grams alone on most sets", in_memory=True),
    Row(LABELLED, "ngram", "n-grams are trained by steps, so the rows may stay on disk"),
    Row(QUESTIONS, "bertimbau", "a pretrained encoder of the questions' language is here", "pt", weights=True),
    Row(QUESTIONS, "beto", "a pretrained encoder of the questions' language is here", "es", weights=True),
    Row(QUESTIONS, "minilm", "pretrained weights are here, .11 F1 above the first sentence on FaQuAD", weights=True),
    Row(QUESTIONS, "tiny", "no pretrained weights are here: an encoder from scratch, good for trying out only"),
    Row(
        SERIES,
        "logistic_lags",
        "logistic regression on lags had a larger AUC than nets and MiniRocket on weather tables",
        timed=True,
    ),
    Row(SERIES, "minirocket", "MiniRocket is at the published accuracy on UCR sets, in one pass", max_feature_gib=2.0),
    Row(SERIES, "inception_time", "the features of all windows would take more memory than MiniRocket's head allows"),
)
"""Looked through from the top. The last row of each task has no condition."""


@dataclass(frozen=True)
class Choice:
    """A choice of `conf/model`, of `model.base` and of `model.epochs` (None: the model's own), and why, in one line."""

    model: str
    reason: str
    base: str | None = None
    epochs: int | None = None

    @property
    def title(self) -> str:
        """The model, with the simple model that it starts from."""
        return self.model if self.base is None else f"{self.model} with model.base={self.base}"


def choose(facts: Facts, machine: Machine, table: Collection[Row] = TABLE) -> Choice:
    """Return the model of the first row that holds.

    >>> choose(Facts(LABELLED, 1500, 12), Machine((), lambda: False)).title
    'ngram with model.base=linear'
    """
    row = next(row for row in table if row.holds(facts, machine))
    return Choice(row.model, f"{listed(list(_seen(facts)))}: {row.evidence}", row.base, row.epochs(facts.rows))


def _seen(facts: Facts) -> list[str]:
    """Return the facts in words."""
    name = {QUESTIONS: "questions", SERIES: "windows" if facts.timed else "cases"}.get(facts.task, "texts")
    seen = [f"{facts.rows:,} training {name}"]
    if facts.classes:
        rare = f", {facts.rare_share:.0%} of them with fewer than {RARE} rows" if facts.rare_share else ""
        seen.append(f"{facts.classes} classes{rare}")
    return [*seen, LANGUAGES[facts.language]] if facts.language in LANGUAGES else seen
