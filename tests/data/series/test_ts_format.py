"""Reading .ts files: unequal lengths, dimensions, missing values, and what is wrong with a line."""

from pathlib import Path

import numpy as np
import pytest

from lab.core.errors import RequestError
from lab.data.series.ts_format import read_ts

HEAD = "# a comment\n@problemName x\n@classLabel true a b\n@data\n"


def write(folder: Path, body: str, head: str = HEAD) -> Path:
    path = folder / "X_TRAIN.ts"
    path.write_text(head + body)
    return path


def test_cases_of_unequal_lengths_with_two_dimensions(tmp_path: Path) -> None:
    result = read_ts(write(tmp_path, "1,2,3:4,?,6:a\n\n7,8:9,10:b b\n"), "data.path")
    assert result.labels == ["a", "b b"]
    assert [one.shape for one in result.values] == [(3, 2), (2, 2)]
    assert result.values[0][:, 0].tolist() == [1, 2, 3]
    assert np.isnan(result.values[0][1, 1])


@pytest.mark.parametrize(
    ("body", "head", "words"),
    [
        ("1,2,x:a\n", HEAD, "line 5"),
        ("1,2:3:a\n", HEAD, "dimensions of 2, 1 values"),
        ("1,2:a\n1,2:1,2:b\n", HEAD, "line 6: 2 dimensions, 1 in the lines before"),
        ("1,2,3\n", HEAD, "no ':'"),
        ("1,2: \n", HEAD, "the class is empty"),
        ("", HEAD, "no case"),
        ("1:a\n", "garbage\n@data\n", "line 1 is before @data"),
        ("(1,2):a\n", "@timeStamps true\n@data\n", "time stamps"),
        ("1,2:0.5\n", "@targetLabel true\n@data\n", "no classes"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, body: str, head: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        read_ts(write(tmp_path, body, head), "data.path")


def test_a_byte_order_mark_and_odd_line_signs_are_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "A_TRAIN.ts"
    path.write_text(
        "\ufeff@problemName A\r\n@classLabel true a b\r\n@data\r\n1,2:a\x85c\r\n3,4:b\r\n", "utf-8", newline=""
    )
    assert read_ts(path, "data.path").labels == ["a\x85c", "b"]
