"""The files of a run folder that its model needs to be loaded, tested and compared: what registries and loggers keep.

A folder with these files at the same places is read like the run folder itself.
"""

from pathlib import Path

from lab.core.record.run_folder import RunFolder

ALSO = ("run.json", "calibration.json", "reference.json", "classification_report.txt")


def model_files(run: RunFolder) -> list[Path]:
    """Return the paths within the run folder of the files that are there, sorted: the checkpoint that predicts, config
    and spec, tokenizer and architecture, the simple model below a network, record and calibration."""
    single = [run.final, run.config, run.spec, *(run.path / name for name in ALSO)]
    inside = [path for folder in (run.tokenizer, run.base) if folder.is_dir() for path in folder.rglob("*")]
    return sorted(path.relative_to(run.path) for path in (*single, *inside) if path.is_file())
