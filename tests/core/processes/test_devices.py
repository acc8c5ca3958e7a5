"""What `trainer.devices=auto` stands for: the GPUs that the driver lists, where torch can use them."""

from pathlib import Path

import pytest

from lab.core.processes import devices
from lab.core.processes.devices import num_gpus, number_of, visible_gpus


def test_visible_gpus(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "3, 5,-1,7"}, tmp_path) == ["3", "5"]
    assert visible_gpus({}, tmp_path) == ["0", "1"]
    assert visible_gpus({}, tmp_path / "none") == []


@pytest.mark.parametrize(("build", "num"), [("2.13.0", 3), ("2.13.0+cu130", 3), ("2.13.0+cpu", 0)])
def test_a_torch_for_a_cpu_has_no_gpu(monkeypatch: pytest.MonkeyPatch, build: str, num: int) -> None:
    monkeypatch.setattr(devices, "version", lambda _: build)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,5")
    assert num_gpus() == num
    assert number_of("auto", "auto") == max(1, num)
    assert number_of("auto", "cpu") == 1
    assert number_of(2, "auto") == 2
