"""Time series: long tables cut into windows, the rainfall generator, and problems of the UCR/UEA archive."""

from typing import Annotated, Literal

from pydantic import Field

from lab.config.schema.node import Node, NonNegativeInt, Number, PositiveInt, Role
from lab.config.schema.text_data import Data, Rows

Part = Annotated[float, Field(gt=0.0, lt=1.0), Number]


class Series(Data):
    """Series, or windows of them, with a class each."""

    scale: Literal["standard", "none"]
    """standard: each column by its mean and standard deviation over the training rows."""
    max_rows: Rows
    """At most so many windows of each split, drawn by split.seed."""


class TimeSplit(Node):
    """Splits that follow one another in time."""

    val: Part
    """Share of the time span; without effect where the dates below are given."""
    test: Part
    """Share of the time span for test; without effect where the dates below are given."""
    val_from: str | None
    """First day or hour of validation; ISO 8601."""
    test_from: str | None
    """First day or hour of test; ISO 8601."""
    purge: PositiveInt | Literal["auto"]
    """Steps between the newest samples of two splits; auto: window + horizon, the least that shares no sample."""
    seed: NonNegativeInt
    """Draws the rows that `max_rows` keeps."""
    train_on_val: bool
    """Train on the validation windows too, and keep the last epoch."""
    refit: bool = False
    """After the epoch is chosen on validation, train again from the start on train + val, and test that model."""


class Ahead(Node):
    """A class for each window: whether `feature`, `horizon` steps after its newest sample, is at least `threshold`."""

    feature: str
    """Column that is looked at."""
    horizon: PositiveInt
    """Time steps after the newest sample of a window."""
    threshold: Annotated[float, Field(allow_inf_nan=False), Number]
    """Least value of the column, in its own unit, that makes class 1."""


class Windowed(Series):
    """Windows of a long table: one row per time step and group."""

    window: PositiveInt
    """Time steps of an input."""
    stride: PositiveInt
    """Time steps between the newest samples of two windows of a group."""
    label: str | Ahead
    """A column, read at the newest sample of a window, or a rule about what comes after it."""
    missing_values: Literal["drop", "ffill", "interpolate", "mask"]
    """What happens to missing values: leave their windows out (`drop`), repeat the last value (`ffill`), interpolate
    inside each window, or add a channel per column that marks them (`mask`)."""
    calendar: tuple[Literal["day", "year"], ...]
    """Sine and cosine of the time of day, or of year, as two more columns each."""
    log1p: tuple[str, ...]
    """Columns that are read as log(1 + value)."""
    past_labels: bool | Literal["auto"] = False
    """Past labels as a covariate: a column with the class that the rule of `label` gives each row itself (1: at least
    the threshold), missing where its feature was not observed; auto: only with such a rule."""
    split: TimeSplit
    """How the time span is split."""


class Rainfall(Windowed):
    """Generated hourly weather at several stations."""

    kind: Literal["rainfall"]
    """The generator of hourly weather."""
    stations: Annotated[int, Field(gt=0, le=100_000), Number]
    """Number of stations."""
    hours: Annotated[int, Field(ge=500, le=10_000_000), Number]
    """Hours of each station."""
    gap_share: Annotated[float, Field(ge=0.0, lt=0.5), Number]
    """Share of values that are missing, most of them in outages of hours."""
    generator_seed: NonNegativeInt
    """Seed of the weather."""


class Table(Windowed):
    """The user's own long table: one row per time step and group."""

    kind: Literal["series_table"]
    """A long table."""
    path: Annotated[str, Role.UNNAMED | Role.CHANGEABLE]
    """The file: CSV, TSV, Parquet or XLSX."""
    time: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """Column of time stamps; several (date and hour) are joined by a space."""
    group: str | None
    """Column that tells series apart (station, region); null: the table is one series."""
    features: tuple[str, ...] | None
    """null: every column of numbers that is neither time, group nor label."""
    sort: bool
    """Put rows of a group in the order of time, instead of refusing a table that is not."""
    resample: str | None
    """Mean of each column over steps of this length (1D, 1h, 15min) or of the calendar (1MS, 1QS, 1YS, 1B: months,
    quarters, years, business days); steps without a row become gaps."""
    sheet: str | None
    """Of an XLSX file; null: the first."""
    delimiter: str | None = None
    """Of a CSV file; null: a comma, in a TSV file a tab."""
    decimal: Literal[".", ",", "any"] = "."
    """Mark of decimals in text; any: a cell may have either."""
    encoding: str = "utf-8"
    """Of a CSV file."""
    time_format: str | None = None
    """How time stamps are written: in `strptime`'s signs, or epoch_s, epoch_ms, epoch_us, epoch_ns; null: ISO 8601."""
    thousands: Literal[",", ".", " ", "'"] | None = None
    """Mark between thousands in text: 1,234.5."""
    missing_markers: tuple[str, ...] = ()
    """Cells of inputs and labels that mean "no value", beside empty ones and words such as NA; numbers by value."""
    skip_rows: NonNegativeInt = 0
    """Rows of a CSV or XLSX file before the header."""
    step: Literal["time", "row"] = "time"
    """time: rows of a group stand at equal steps, of a length or of the calendar; row: each row is one step."""


class CaseSplit(Node):
    """Validation cases, drawn from the training cases."""

    val: Part | Literal["auto", "leave_one_out"]
    """Share of the training cases, drawn by class; `leave_one_out`: no case is held out, each is scored by the head
    that the others give; `auto`: `leave_one_out` where the head is a ridge (model=minirocket), otherwise 0.2."""
    seed: NonNegativeInt
    """Seed of the split."""
    train_on_val: bool
    """Train on the validation cases too, and keep the last epoch."""
    refit: bool = False
    """After the epoch is chosen on validation, train again from the start on train + val, and test that model."""
    folds: Annotated[int, Field(ge=2, le=1000), Number] | None = None
    """Divide the training cases into so many folds, each of which is validation once; null: one validation split."""
    fold: NonNegativeInt | None = None
    """The fold that is validation, from 0; null with `folds`: a multirun of all folds."""


class Ucr(Series):
    """A problem of the UCR/UEA archive."""

    kind: Literal["ucr"]
    """A problem of the UCR/UEA archive."""
    name: str
    """Problem: its files are NAME_TRAIN.ts and NAME_TEST.ts."""
    path: Annotated[str | None, Role.UNNAMED | Role.CHANGEABLE]
    """Folder of the two files; null: the sets that the package aeon ships."""
    split: CaseSplit
    """How validation cases are drawn."""
