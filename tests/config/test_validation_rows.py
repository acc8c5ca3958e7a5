"""Which rows validate a run follows from its model and `data.split`."""

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Ucr
from lab.config.shipped import CONF
from lab.config.validation_rows import AUTO_SHARE, is_closed_form, series_request, validates_by_leave_one_out


@pytest.mark.parametrize(
    ("typed", "val"),
    [
        (["model=minirocket"], "leave_one_out"),
        (["model=minirocket", "data.split.train_on_val=true"], AUTO_SHARE),
        (["model=minirocket", "data.split.val=0.3"], 0.3),
        (["model=minirocket", "model.head=logistic", "model.epochs=3"], AUTO_SHARE),
        (["model=inception_time"], AUTO_SHARE),
    ],
)
def test_auto_is_leave_one_out_for_a_ridge(typed: list[str], val: object) -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["data=ucr", *typed]))
    request = series_request(config)
    assert isinstance(request, Ucr)
    assert request.split.val == val
    assert validates_by_leave_one_out(config) == (val == "leave_one_out")
    assert is_closed_form(config) == (config.model.kind == "minirocket" and "model.head=logistic" not in typed)
