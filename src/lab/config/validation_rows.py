"""Which rows validate a run: a held-out part, or the training rows, each scored by the head that all others give.

Leave-one-out needs a head in closed form, whose scores without a row follow from one solution. It holds out no rows,
which counts where there are few (36 training cases in ArrowHead).
"""

from lab.config.schema import Config, Labelled, Linear, LogisticLags, MiniRocket, Series, Ucr

LEAVE_ONE_OUT = "leave_one_out"
AUTO_SHARE = 0.2
"""Share of the training cases that `data.split.val=auto` holds out for a model without leave-one-out scores."""


def is_closed_form(config: Config) -> bool:
    """Return whether the heads are solved in closed form. They fit the training rows exactly by construction."""
    return isinstance(config.model, MiniRocket) and config.model.head == "ridge"


def is_solved(config: Config) -> bool:
    """Return whether the heads are solved once after one pass, so that they fit the training rows better than any."""
    return is_closed_form(config) or isinstance(config.model, Linear | LogisticLags)


def validates_by_leave_one_out(config: Config) -> bool:
    """Return whether the validation scores are leave-one-out scores of the training rows."""
    if not isinstance(config.data, Ucr) or not is_closed_form(config):
        return False
    split = config.data.split
    if split.folds is not None:
        return False
    return split.val == LEAVE_ONE_OUT or (split.val == "auto" and not split.train_on_val)


def is_fold(config: Config) -> bool:
    """Return whether the validation rows are one fold of `data.split.folds`."""
    return isinstance(config.data, Labelled | Ucr) and config.data.split.folds is not None


def series_request(config: Config) -> Series:
    """Return `config.data` with `data.split.val=auto` replaced by what it means for the model of the run."""
    data = config.data
    assert isinstance(data, Series), f"data of kind {data.kind} contain no series"
    if not isinstance(data, Ucr) or data.split.val != "auto":
        return data
    val = LEAVE_ONE_OUT if validates_by_leave_one_out(config) else AUTO_SHARE
    return data.model_copy(update={"split": data.split.model_copy(update={"val": val})})
