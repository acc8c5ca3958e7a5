"""Mistakes in words."""

from lab.core.errors import Mistake


def test_a_long_value_is_reported_by_both_its_ends() -> None:
    reported = str(Mistake("data.test", "is data.val as well", value=f"/{'folder/' * 40}held.csv"))
    assert reported.startswith("data.test=/folder/")
    assert reported.endswith("/held.csv: is data.val as well")
    assert len(reported) < 120
    assert str(Mistake("data.test", "is gone", value="held.csv")) == "data.test=held.csv: is gone"


def test_a_switch_is_shown_as_it_is_typed() -> None:
    assert str(Mistake("explain", "needs a package", value=True)) == "explain=true: needs a package"
