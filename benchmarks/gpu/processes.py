"""Several processes: trials that share the GPUs of a machine, and a model in shards."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from benchmarks.gpu.outcome import QUIET, Outcome, Place, judged, needs_gpu
from lab.config.schema import AdamW
from lab.core.record.run_folder import RunFolder
from lab.models.optimizer import names_without_decay, parameter_groups

ROOT = Path(__file__).resolve().parents[2]


def trials(place: Place) -> Outcome:
    """A multirun of two jobs: both end on the accelerator that was requested, each in a process of its own."""
    accelerator = "gpu" if place.is_gpu else "cpu"
    rows = ["data.num_rows=400", "model=tiny", "trainer.max_epochs=1", *QUIET]
    command = [sys.executable, str(ROOT / "train.py"), "-m", "seed=1,2", f"trainer.accelerator={accelerator}",
               f"hydra.sweep.dir={place.folder / 'sweep'}", f"cache.dir={place.folder / 'cache'}", *rows]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    records = [RunFolder(path.parent).read() for path in sorted(place.folder.glob("sweep/**/run.json"))]
    statuses = [record["status"] for record in records]
    peaks = [(record.get("memory") or {}).get("peak_gpu_gib") for record in records]
    ok = statuses == ["completed"] * 2 and all(peaks) == place.is_gpu
    text = f"{' and '.join(statuses) or done.stderr[-200:]}; peak GPU memory {peaks}"
    return judged(ok, text, peak_gpu_gib=peaks)


class Stack(nn.Module):
    """A layer with a norm, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.layer(x))
        return out


def sharded_groups(rank: int, world: int, port: int, device: str, file: str) -> None:
    """Wrap a model by FSDP in one of `world` processes and write the names that have weight decay into `file`."""
    from torch.distributed.fsdp import FullyShardedDataParallel

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("nccl" if device == "cuda" else "gloo", rank=rank, world_size=world)
    own = torch.device(device, rank) if device == "cuda" else torch.device("cpu")
    stack = Stack()
    known = names_without_decay(stack)
    wrapped = FullyShardedDataParallel(stack, device_id=own, use_orig_params=True)
    config = AdamW.model_construct(lr=1.0, layer_decay=0.5, weight_decay=0.1, head_lr=None)
    groups = parameter_groups(wrapped.named_parameters(), [], [stack.layer], config, known)
    settings = {id(each): (group["lr"], group["weight_decay"]) for group in groups for each in group["params"]}
    lines = [f"{name} {settings[id(each)]}" for name, each in wrapped.named_parameters()]
    if rank == 0:
        Path(file).write_text("\n".join(line.replace("_fsdp_wrapped_module.", "") for line in lines))
    dist.destroy_process_group()


def groups_in_processes(folder: Path, device: str, world: int = 2) -> dict[str, str]:
    """{parameter: (rate, decay)} under FSDP with `world` processes, as the first of them has it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "groups.txt"
    torch.multiprocessing.spawn(sharded_groups, (world, port, device, str(file)), nprocs=world)  # type: ignore[attr-defined]
    return dict(line.split(" ", 1) for line in file.read_text().splitlines())


EXPECTED: dict[str, Any] = {
    "layer.0.weight": "(0.5, 0.1)", "layer.0.bias": "(0.5, 0.0)", "layer.1.weight": "(0.5, 0.0)",
    "layer.1.bias": "(0.5, 0.0)", "head.weight": "(1.0, 0.1)", "head.bias": "(1.0, 0.0)",
}  # fmt: skip


def fsdp_groups(place: Place) -> Outcome:
    """Rates and weight decay by name where FSDP has made every parameter flat."""
    if place.is_gpu and torch.cuda.device_count() < 2:
        return needs_gpu("FSDP on GPUs: a second one")
    given = groups_in_processes(place.folder, place.device)
    return judged(given == EXPECTED, f"{len(given)} parameters in two processes", groups=given)
