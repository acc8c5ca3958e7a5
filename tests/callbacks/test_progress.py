"""Progress: the lines' words, the time left, and that a bar appears on terminals only and is wiped."""

import io
import logging
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer

from lab.callbacks import progress as module
from lab.callbacks.progress import Progress, bar_line, batch_line, batch_loss, duration, epoch_line, time_left_s


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


def test_the_loss_shown_is_the_batchs_own_and_not_its_share_of_a_window() -> None:
    assert batch_loss(0.25, 1, 10, 4) == 1.0
    assert batch_loss(0.5, 10, 10, 4) == 1.0, "the last window holds two"
    assert batch_loss(0.2, 3, 5, 100) == pytest.approx(1.0), "an epoch is shorter than the window"
    assert batch_loss(1.0, 7, 10, 1) == 1.0


def test_a_line_inside_an_epoch() -> None:
    line = batch_line("epoch 2/5", 130, 400, 3.21, 190.0, ", step 530, loss 0.410")
    assert line == "epoch 2/5  batch 130/400, step 530, loss 0.410  3.21 batches/s, about 3 min left"
    assert batch_line("test", 1, 4, 0.0512, None) == "test  batch 1/4  0.0512 batches/s"


class Slow(Callback):
    """Every batch takes `seconds`, by the clock that progress looks at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now, self.seconds = 1000.0, seconds
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)

    def _pass(self, *_: Any) -> None:
        self.now += self.seconds

    on_train_batch_start = on_validation_batch_start = on_test_batch_start = _pass


@pytest.mark.parametrize(
    ("interval_s", "stream", "refresh", "train", "val"),
    [
        (30.0, io.StringIO(), 1, ["batch 2/4", "batch 4/4"], ["batch 2/4", "batch 4/4"]),
        (60.0, io.StringIO(), 1, ["batch 3/4"], ["batch 3/4"]),
        (30.0, Terminal(), 0, ["batch 2/4", "batch 4/4"], ["batch 2/4", "batch 4/4"]),
        (30.0, Terminal(), 1, [], []),
        (None, io.StringIO(), 1, [], []),
        (0.0, io.StringIO(), 1, [], []),
    ],
)
def test_a_long_epoch_says_where_it_is_where_there_is_no_bar(
    tiny: Any, fit: Any, caplog: Any, monkeypatch: Any, interval_s: Any, stream: Any, refresh: int, train: Any, val: Any
) -> None:
    shown = Progress("val/loss", refresh, interval_s, stream)
    with caplog.at_level(logging.INFO, "lab.callbacks.progress"):
        fit(tiny(), shown, Slow(monkeypatch, 20.0), max_epochs=2, enable_progress_bar=True)
    inside = [line for line in lines(caplog) if "batches/s" in line]
    assert [line.split("  ")[1].split(",")[0] for line in inside if "validation" not in line] == train * 2
    assert [line.split("  ")[1] for line in inside if "validation" in line] == val * 2
    assert all("0.05 batches/s" in line for line in inside)
    if train:
        assert inside[0].startswith("epoch 1/2  batch")
        assert "step 2" in inside[0] or "step 3" in inside[0]
        assert "loss" in inside[0]


def test_a_long_test_says_where_it_is(tiny: Any, loader: Any, caplog: Any, monkeypatch: Any) -> None:
    class EvaluationResult(tiny):  # type: ignore[misc]
        def test_step(self, batch: Any, batch_idx: int) -> None:
            """Nothing."""

    bar = Progress("val/loss", 0, 30.0, io.StringIO())
    quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", callbacks=[bar, Slow(monkeypatch, 20.0)], **quiet)
    with caplog.at_level(logging.INFO, "lab.callbacks.progress"):
        trainer.test(EvaluationResult(), loader, verbose=False)
    assert lines(caplog) == [
        "test  batch 2/4  0.05 batches/s, about 40 s left",
        "test  batch 4/4  0.05 batches/s",
    ]
