"""Progress: the lines' words, the time left, and that a bar appears on terminals only and is wiped."""

import io
import logging
from typing import Any

import pytest
from lightning.pytorch import Callback

from lab.callbacks.progress import Progress, bar_line, duration, epoch_line, time_left_s


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_time_left() -> None:
    assert time_left_s(10.0, 0.0, 0.25) == 30.0
    assert time_left_s(10.0, 0.5, 0.75) == 10.0  # resumed at the half: only what this process did counts
    assert time_left_s(10.0, 0.5, 0.5) is None


@pytest.mark.parametrize(("seconds", "words"), [(11.2, "11 s"), (100, "2 min"), (7500, "2 h 05 min")])
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_lines() -> None:
    line = epoch_line(2, 12, {"train/loss": 0.41, "val/loss": 52000.0, "val/f1_macro": 0.0}, 11.0, 61.0)
    assert line == "epoch 3/12  train/loss 0.410  val/loss 5.20e+04  val/f1_macro 0.000  11 s, about 61 s left"
    assert epoch_line(11, 12, {}, 11.0, 0.0) == "epoch 12/12  11 s"
    assert bar_line(0, 2, 5, 10, 0.5, None) == "epoch 1/2 ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 5/10  loss 0.500"


def lines(caplog: Any) -> list[str]:
    return [record.message for record in caplog.records if record.name == "lab.callbacks.progress"]


def test_one_line_per_epoch_and_nothing_else_without_a_terminal(tiny: Any, fit: Any, caplog: Any) -> None:
    stream = io.StringIO()
    with caplog.at_level(logging.INFO, "lab.callbacks.progress"):
        script = {"val/f1_macro": [0.5, 0.6, 0.7]}
        fit(tiny(script), Progress("val/f1_macro", refresh=1, stream=stream), enable_progress_bar=True)
    assert stream.getvalue() == ""
    assert [line.split("  ")[0] for line in lines(caplog)] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert "val/f1_macro 0.600" in lines(caplog)[1]
    assert "left" in lines(caplog)[1]
    assert "left" not in lines(caplog)[2]


def test_the_bar_is_drawn_on_a_terminal_and_gone_before_others_speak(tiny: Any, fit: Any) -> None:
    stream, ends = Terminal(), []

    class Speaks(Callback):
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            ends.append(stream.getvalue())

    fit(tiny(), Progress("val/loss", refresh=2, stream=stream), Speaks(), max_epochs=1, enable_progress_bar=True)
    assert stream.getvalue().count("loss") == 2  # batches 2 and 4 of 4
    assert "validation, batch 2" in stream.getvalue()
    assert all(end.endswith(" \r") for end in ends)
    assert "\n" not in stream.getvalue()


def test_refresh_zero_is_lines_only(tiny: Any, fit: Any, caplog: Any) -> None:
    stream = Terminal()
    with caplog.at_level(logging.INFO, "lab.callbacks.progress"):
        fit(tiny(), Progress("val/loss", refresh=0, stream=stream), max_epochs=1, enable_progress_bar=True)
    assert stream.getvalue() == ""
    assert len(lines(caplog)) == 1


def test_a_resumed_run_starts_its_share_where_it_was_cut(tiny: Any, fit: Any, tmp_path: Any) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"{trainer.current_epoch}.ckpt")

    fit(tiny(), Save(), max_epochs=2)
    progress = Progress("val/loss", stream=io.StringIO())
    fit(tiny(), progress, max_epochs=4, ckpt_path=tmp_path / "1.ckpt", enable_progress_bar=True)
    assert progress._share_before == 0.5
