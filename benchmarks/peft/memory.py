"""Memory of each method of fine-tuning: the base as it stands loaded, and the peak of training with it.

    python -m benchmarks.peft.memory [--batch 8] [--length 128] [--repeats 1] [--quick]

Base: bytes of all tensors of the encoder without adapters, scales of a 4-bit base included. Loaded: how much the
resident memory of a process grew by building it. Peak: of a whole process that makes three training steps (imports,
activations, gradients and AdamW's state included), without and with gradient checkpointing; each in a process of its
own. Random weights.
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from torch import Tensor, nn

from benchmarks.harness import measuring
from benchmarks.peft.methods import METHODS, MODELS, encoder_of, stepper
from lab.models.parameters import parameter_counts
from lab.models.text.interfaces import is_adapter

LIMITS = {"minilm": 0.65, "bert": 0.35}
"""Bytes of a base in 4 bits against fp32, at most."""
STEPS = 3


def tensors(encoder: nn.Module) -> Iterator[Tensor]:
    """All tensors of the base, each once."""
    for name, parameter in encoder.named_parameters():
        if not is_adapter(name):
            yield parameter
            yield from _scales(getattr(parameter, "quant_state", None))
    yield from encoder.buffers()


def _scales(state: Any) -> Iterator[Tensor]:
    if state is not None:
        yield from (value for value in (state.absmax, state.code, state.offset) if isinstance(value, Tensor))
        yield from _scales(getattr(state, "state2", None))


def num_bytes(encoder: nn.Module) -> int:
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in tensors(encoder)}
    return sum(storages.values())


def resident() -> int:
    """Bytes of this process in memory once what was freed is given back."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def child(options: argparse.Namespace) -> None:
    """In a process of its own: build, measure, train, write what was found."""
    model, method = options.child[0], options.child[1]
    encoder_of("minilm", method, quick=True)  # imports and first uses are not the model's
    before = resident()
    encoder = encoder_of(model, method, options.quick)
    result = {"base_bytes": num_bytes(encoder), "loaded_bytes": resident() - before, **parameter_counts(encoder)}
    if options.child[2] == "checkpointing":
        assert encoder.checkpoint_gradients()
    step = stepper(encoder, bf16=False)
    for _ in range(STEPS):
        step(options.batch, options.length)
    Path(options.child[3]).write_text(json.dumps(result), encoding="utf-8")


def measured(model: str, method: str, mode: str, options: argparse.Namespace) -> measuring.Row:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        command = ["-m", "benchmarks.peft.memory", "--child", model, method, mode, str(folder / "found.json"),
                   "--batch", str(options.batch), "--length", str(options.length),
                   *(["--quick"] if options.quick else [])]  # fmt: skip
        row = measuring.process(command, folder, folder / "said.txt")
        return row | json.loads((folder / "found.json").read_text(encoding="utf-8"))


def main() -> None:
    parser = measuring.parser(__doc__, repeats=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    if "--child" in sys.argv:
        child(parser.parse_args())
        return
    options, where = measuring.arguments(parser), measuring.machine()
    result: dict[str, dict[str, measuring.Row]] = {}
    for model in MODELS:
        for method in ("full", "qlora") if options.quick else METHODS:
            row = measured(model, method, "plain", options)
            if not options.quick:
                again = measured(model, method, "checkpointing", options)
                row["checkpointed_peak_rss_gib"] = again["peak_rss_gib"]
            result.setdefault(model, {})[method] = row
    print(f"{where}\nbatch {options.batch}, length {options.length}, fp32 beside the 4 bits, {os.cpu_count()} threads")
    mib = 2**20
    for model, title in MODELS.items():
        whole = result[model]["full"]
        measuring.table(
            (title, "base MiB", "of fp32", "loaded MiB", "trains", "peak GiB", "with checkpointing"),
            [
                (method, f"{row['base_bytes'] / mib:.1f}", f"{row['base_bytes'] / whole['base_bytes']:.3f}",
                 f"{row['loaded_bytes'] / mib:.0f}", f"{row['trainable']:,}", f"{row['peak_rss_gib']:.2f}",
                 f"{row.get('checkpointed_peak_rss_gib', 0):.2f}")
                for method, row in result[model].items()
            ],
        )  # fmt: skip
        share = result[model]["qlora"]["base_bytes"] / whole["base_bytes"]
        word = "met" if share <= LIMITS[model] else "MISSED"
        print(f"base in 4 bits: {share:.3f} of fp32, target at most {LIMITS[model]}: {word}\n")
    measuring.write("peft_memory", options, where, {"found": result})


if __name__ == "__main__":
    main()
