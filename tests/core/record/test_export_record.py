"""export.json: what is written is read back, and every fault of a damaged one is named."""

from pathlib import Path

import pytest

from lab.core.files import Unreadable
from lab.core.record.export_record import export_faults, read_export, write_export


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_export(tmp_path) is None
    content = {"format": "onnx", "checkpoint": "best", "int8": True, "checked": {"inputs": "x"}}
    write_export(tmp_path, content)
    assert read_export(tmp_path) == content


def test_every_fault_is_named(tmp_path: Path) -> None:
    wrong = {"format": "pickle", "int8": "yes", "code": "x"}
    assert list(export_faults(wrong)) == [
        "it has no checkpoint", "format is none of torch, onnx, hf", "int8 is not true or false",
        "it has a field 'code', which no export has",
    ]  # fmt: skip
    write_export(tmp_path, wrong)
    with pytest.raises(Unreadable, match="format is none of"):
        read_export(tmp_path)
