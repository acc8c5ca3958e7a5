"""Numbers of a GPU against those of a CPU: precisions, the loss scale of fp16, compiled layers, four bits."""

from copy import deepcopy
from typing import Any

import numpy as np
import torch

import lab
from benchmarks.gpu.outcome import TEXTS, Outcome, Place, judged, needs_gpu
from lab.core.record.run_folder import RunFolder
from lab.data.batch_sampler import Draw
from lab.training.build.trainer import Hardware
from lab.training.tasks.select import prepare

TOLERANCE = {"32": 1e-4, "bf16": 3e-2, "16": 4e-3}
"""Largest difference of a probability from that of a CPU in fp32."""
HALF = {"bf16": torch.bfloat16, "16": torch.float16}
SCORES = 0.1
"""Largest difference of a macro-F1 between two precisions after two epochs: chance of training, not of arithmetic."""


def material_of(place: Place, *overrides: str) -> tuple[Any, Any]:
    """Model and a batch of 32 reports, on the CPU."""
    rows = ["data.num_rows=400", f"cache.dir={place.folder / 'cache'}"]
    config = lab.compose([*TEXTS, *rows, "trainer.accelerator=cpu", *overrides])
    run = RunFolder(place.folder / "material")
    run.path.mkdir(exist_ok=True)
    material = prepare(config, run, Hardware("cpu", "32-true", None), fresh=True)
    numbers = np.arange(32)
    return material.model, material.data.rows["train"][Draw(numbers, numbers)]


def probabilities(model: Any, batch: Any, device: str, precision: str) -> list[torch.Tensor]:
    """Probabilities (B, K) of each head, on the CPU in fp32."""
    model = deepcopy(model).to(device).eval()
    half = HALF.get(precision)
    with torch.inference_mode(), torch.autocast(device, dtype=half, enabled=half is not None):
        return [logits.float().softmax(-1).cpu() for logits in model(batch.to(torch.device(device)))]


def largest_difference(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


def precisions(place: Place) -> Outcome:
    """Probabilities in fp32, bf16 and fp16 against fp32 on a CPU."""
    model, batch = material_of(place)
    expected = probabilities(model, batch, "cpu", "32")
    chosen = TOLERANCE if place.is_gpu else {"32": TOLERANCE["32"], "bf16": TOLERANCE["bf16"]}
    differences = {
        name: largest_difference(expected, probabilities(model, batch, place.device, name)) for name in chosen
    }
    ok = all(difference <= TOLERANCE[name] for name, difference in differences.items())
    return judged(ok, "largest difference " + ", ".join(f"{n} {d:.1e}" for n, d in differences.items()), **differences)


def loss_scale(place: Place) -> Outcome:
    """A run in fp16: its scores against fp32, and the GradScaler's state in the checkpoint."""
    if not place.is_gpu:
        return needs_gpu("the GradScaler")
    runs = [place.trained(f"p{name}", f"trainer.precision={name}") for name in ("32", "16")]
    f1 = [run.read()["metrics"]["test"]["f1_macro"] for run in runs]
    state = torch.load(runs[1].last, weights_only=True).get("MixedPrecision") or {}
    ok = abs(f1[0] - f1[1]) <= SCORES and state.get("scale", 0.0) > 0
    skipped = runs[1].history()[-1].get("train/skipped_steps")
    text = f"macro-F1 {f1[0]:.3f} in fp32, {f1[1]:.3f} in fp16; scale {state.get('scale')}, {skipped} steps skipped"
    return judged(ok, text, f1=f1, scale=state.get("scale"), skipped_steps=skipped)


def compiled(place: Place) -> Outcome:
    """Compiled layers give the same probabilities; and the rates of training with and without them."""
    model, batch = material_of(place)
    expected = probabilities(model, batch, place.device, "32")
    if not place.is_gpu:
        return needs_gpu("compiling")  # on a CPU tests/training/test_compiled.py shows it
    model = deepcopy(model).to(place.device).eval()
    for layer in model.encoder.layers:
        layer.compile(dynamic=True)
    with torch.inference_mode():
        given = [logits.softmax(-1).cpu() for logits in model(batch.to(torch.device(place.device)))]
    difference = largest_difference(expected, given)
    rates = {
        name: place.trained(name, f"trainer.compile={name}").history()[-1]["train/samples_per_s"]
        for name in ("false", "true")
    }
    text = f"largest difference {difference:.1e}; {rates['true'] / rates['false']:.2f} x the rate without"
    return judged(difference <= 1e-3, text, difference=difference, samples_per_s=rates)


def four_bits(place: Place) -> Outcome:
    """QLoRA trains on a base in four bits, with less memory than LoRA."""
    if not place.is_gpu:
        return needs_gpu("four bits of bitsandbytes")  # its own kernels for CPUs are tested in tests/models/peft
    runs = {name: place.trained(name, "model=bert", "model.pretrained=false", f"peft={name}", "trainer.max_epochs=1",
                                "data.num_rows=400") for name in ("lora", "qlora")}  # fmt: skip
    peaks = {name: run.read()["memory"]["peak_gpu_gib"] for name, run in runs.items()}
    text = f"peak {peaks['qlora']:.2f} GiB, LoRA {peaks['lora']:.2f} GiB"
    return judged(peaks["qlora"] < peaks["lora"], text, peak_gpu_gib=peaks)
