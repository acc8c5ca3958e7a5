"""Lines of long work: at intervals, with what was done of how much."""

import logging

import pytest

from lab.data.progress_lines import ticker


def test_a_line_every_half_minute_with_rate_and_time_left(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    tick = ticker("tokenising train", 1000, "texts", clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for seconds in (10.0, 20.0, 10.0, 25.0):
            now[0] += seconds
            tick(100)
    assert caplog.messages == [
        "tokenising train: 200 of 1000 texts, 7/s, about 120 s left",
        "tokenising train: 400 of 1000 texts, 6/s, about 98 s left",
    ]
