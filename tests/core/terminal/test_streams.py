"""Control characters of foreign texts are shown as escapes; lines of our own stay lines."""

import logging

from lab.core.terminal.streams import Formatter, escaped


def test_lines_of_our_own_stay_lines() -> None:
    record = logging.LogRecord("lab", logging.INFO, "", 0, "This request has 1 mistake:\n  a: %s", ("x\ty",), None)
    assert Formatter("%(message)s").format(record) == "This request has 1 mistake:\n  a: x\ty"
    assert escaped("a\nb\tc") == r"a\nb\tc"
