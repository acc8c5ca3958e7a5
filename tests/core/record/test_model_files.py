"""The files of a run that its model needs; what is not there is left out."""

from pathlib import Path

from lab.core.record.model_files import model_files
from lab.core.record.run_folder import RunFolder


def test_only_what_a_model_needs_is_named(tmp_path: Path) -> None:
    names = ["checkpoints/best.ckpt", "checkpoints/last.ckpt", "config.yaml", "tokenizer/deep/a.json", "train.log",
             "test_predictions.parquet", "calibration.json", "base/linear.safetensors"]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path) for path in model_files(RunFolder(tmp_path))] == [
        "base/linear.safetensors", "calibration.json", "checkpoints/best.ckpt", "config.yaml", "tokenizer/deep/a.json",
    ]  # fmt: skip
