"""Numbers, names and durations of a job file as Azure's client reads them."""

import pytest

from lab.sweep.definition.azure_values import normalized, seconds


def test_numbers_in_quotes_and_names_in_camel_case() -> None:
    block = {
        "type": "MedianStopping",
        "delay_evaluation": "5",
        "evaluation_interval": 0,
        "slack_factor": "0.1",
        "values": ["4", {"type": "LogUniform", "max_value": "-1"}],
        "seed": "many",
    }
    assert normalized(block) == {
        "type": "median_stopping",
        "delay_evaluation": 5,
        "evaluation_interval": 1,
        "slack_factor": 0.1,
        "values": ["4", {"type": "log_uniform", "max_value": -1}],
        "seed": "many",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [("PT2H30M", 9000), ("P1DT1S", 86401), ("PT1.5S", 1.5), ("P", "P"), ("2 hours", "2 hours"), (60, 60), (None, None)],
)
def test_durations(value: object, expected: object) -> None:
    assert seconds(value) == expected
