"""The run folder in a rank that does not own it: everything can be read, and nothing is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.core.record.run_folder import RunFolder


class ReadOnlyRun(RunFolder):
    """A run folder whose writers do nothing, for callbacks that are the same in all ranks."""

    def _write(self, record: Mapping[str, object]) -> None:
        pass

    def append_history(self, row: Mapping[str, object]) -> None:
        pass

    def cut_history(self, step: int) -> None:
        pass

    def write_text(self, name: str, text: str) -> None:
        pass

    def write_predictions(self, columns: Mapping[str, Any], path: Path | None = None) -> None:
        pass

    def remove_partial_files(self) -> None:
        pass
