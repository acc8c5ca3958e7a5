from lab.report.figures.base import Absent
from lab.report.figures.scores import metrics_comparison


def test_metrics_of_one_run_per_configuration_beside_the_baselines(tabled) -> None:
    columns = {"test/f1_macro": [0.5, 0.7, 0.6], "majority/f1_macro": [0.1, 0.2, 0.3]}
    data = metrics_comparison.compute(tabled(objective=[0.5, 0.9, 0.8], configuration=[0, 1, 1], **columns))
    assert data.series == ("1", "0", "majority")
    assert data.values.ravel().tolist() == [0.7, 0.5, 0.2]
    assert metrics_comparison.compute(tabled(objective=[0.5, 0.9])) == Absent("absent.no_test")
