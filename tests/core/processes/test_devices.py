"""What `trainer.devices=auto` stands for: the GPUs that the driver lists, where torch can use them."""

import ctypes
from pathlib import Path
from typing import Any

import pytest

from lab.core.processes import devices
from lab.core.processes.devices import driver_gpus, num_gpus, number_of, nvml_uuids, visible_gpus

UUIDS = ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-89aa0000-1111-2222-3333-444455556666", "GPU-77bb0000-1-2-3-4"]


@pytest.fixture
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "nvml_uuids", lambda: None)


@pytest.fixture
def driver(no_nvml: None, tmp_path: Path) -> Path:
    """The root of a file system with the Linux driver and three GPUs."""
    for number, uuid in enumerate(UUIDS):
        folder = tmp_path / f"proc/driver/nvidia/gpus/0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t NVIDIA X\nIRQ:   \t\t 16\nGPU UUID: \t {uuid}\nBus: 1\n")
    return tmp_path


def test_the_driver_lists_all_gpus(driver: Path) -> None:
    assert driver_gpus(driver) == UUIDS
    assert visible_gpus({}, driver) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("2,1", ["2", "1"]),
        (" 0 , 2 ", ["0", "2"]),
        ("0,2,-1,1", ["0", "2"]),
        ("1,3,0", ["1"]),
        ("", []),
        ("-1", []),
        ("none", []),
        ("0,0", []),
        ("GPU-8932,GPU-77", ["GPU-8932", "GPU-77"]),
        ("GPU-77,GPU-89,GPU-8932", ["GPU-77"]),
        ("GPU-00,GPU-77", []),
        ("MIG-1,MIG-2", ["MIG-1", "MIG-2"]),
    ],
)
def test_the_variable_is_read_as_cuda_reads_it(driver: Path, value: str, names: list[str]) -> None:
    """The first and third are the examples of the CUDA Programming Guide; GPU-89 is of two GPUs."""
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}, driver) == names


@pytest.mark.parametrize("value", [None, "0", "0,1,5", "GPU-8932", "MIG-1"])
def test_without_a_driver_there_is_no_gpu_whatever_the_variable_says(
    no_nvml: None, tmp_path: Path, value: str | None
) -> None:
    assert visible_gpus({} if value is None else {"CUDA_VISIBLE_DEVICES": value}, tmp_path) == []


def test_gpus_whose_uuid_cannot_be_read_may_be_any(driver: Path) -> None:
    for path in driver.glob("proc/driver/nvidia/gpus/*/information"):
        path.unlink()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "GPU-12"}, driver) == ["GPU-12"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "3"}, driver) == []


def test_wsl2_has_a_gpu_where_windows_has_cuda(no_nvml: None, tmp_path: Path) -> None:
    """`/dev/dxg` alone is there without a driver of NVIDIA, too."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/dxg").touch()
    assert visible_gpus({}, tmp_path) == []
    library = tmp_path / "usr/lib/wsl/lib/libcuda.so.1"
    library.parent.mkdir(parents=True)
    library.touch()
    assert visible_gpus({}, tmp_path) == visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path) == ["0"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == []


class Nvml:
    """NVIDIA's library as ctypes calls it. code: what `init` gives."""

    def __init__(self, code: int = 0) -> None:
        self.code, self.is_open = code, False

    def nvmlInit_v2(self) -> int:
        self.is_open = self.code == 0
        return self.code

    def nvmlDeviceGetCount_v2(self, num: Any) -> int:
        num._obj.value = len(UUIDS)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, device: Any) -> int:
        device._obj.value = index + 1
        return 0

    def nvmlDeviceGetUUID(self, device: Any, text: Any, size: int) -> int:
        text.value = UUIDS[device.value - 1].encode()[: size - 1]
        return 0 if device.value < 3 else 999

    def nvmlShutdown(self) -> int:
        self.is_open = False
        return 0


@pytest.mark.parametrize("place", devices.NVML)
def test_nvml_goes_before_the_file_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """A container may have the folders of all GPUs of its machine and one of them."""
    library = Nvml()

    def load(name: str) -> Nvml:
        if name != place:
            raise OSError(f"{name}: cannot open shared object file")
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert nvml_uuids() == [*UUIDS[:2], ""]
    assert not library.is_open
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "GPU-8932"}, tmp_path) == ["GPU-8932"]


def test_a_library_without_a_driver_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Nvml(code=9))  # NVML_ERROR_DRIVER_NOT_LOADED
    assert nvml_uuids() is None
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path) == []


@pytest.mark.parametrize(("build", "num"), [("2.13.0", 3), ("2.13.0+cu130", 3), ("2.13.0+cpu", 0)])
def test_a_torch_for_a_cpu_has_no_gpu(monkeypatch: pytest.MonkeyPatch, build: str, num: int) -> None:
    monkeypatch.setattr(devices, "version", lambda _: build)
    monkeypatch.setattr(devices, "nvml_uuids", lambda: UUIDS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,5")
    assert num_gpus() == num
    assert number_of("auto", "auto") == max(1, num)
    assert number_of("auto", "cpu") == 1
    assert number_of(2, "auto") == 2


def test_of_parts_of_gpus_a_process_sees_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "usable_gpus", lambda: ["MIG-1", "MIG-2"])
    assert num_gpus() == number_of("auto", "auto") == 1
