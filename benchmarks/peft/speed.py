"""Seconds per training step of each method of fine-tuning against training everything, on this CPU.

    python -m benchmarks.peft.speed [--batch 8] [--length 128] [--repeats 5] [--quick]

Forward, backward, clipping and AdamW's step on random tokens, in one process; methods alternate, a ratio is taken
inside each repeat, the table shows the median and the range. Random weights.
"""

import argparse
from time import perf_counter

import torch

from benchmarks.harness import measuring
from benchmarks.peft.methods import METHODS, MODELS, encoder_of, stepper

PRECISIONS = {"fp32": False, "bf16": True}


def timed(model: str, bf16: bool, options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of a step in each repeat, by method; LoRA with gradient checkpointing besides."""
    steps = {method: stepper(encoder_of(model, method, options.quick), bf16) for method in METHODS}
    checkpointed = encoder_of(model, "lora", options.quick)
    assert checkpointed.checkpoint_gradients()
    steps["lora, checkpointing"] = stepper(checkpointed, bf16)
    seconds: dict[str, list[float]] = {method: [] for method in steps}
    for repeat in range(options.repeats + 1):
        for method, step in steps.items():
            started = perf_counter()
            step(options.batch, options.length)
            if repeat:  # the first one is warm-up
                seconds[method].append(perf_counter() - started)
    return seconds


def main() -> None:
    parser = measuring.parser(__doc__, repeats=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128)
    options, where = measuring.arguments(parser), measuring.machine()
    if options.quick:
        options.batch, options.length = 2, 8
    torch.manual_seed(0)
    result = {model: {name: timed(model, bf16, options) for name, bf16 in PRECISIONS.items()} for model in MODELS}
    print(
        f"{where}\nbatch {options.batch}, length {options.length}, {torch.get_num_threads()} threads, "
        f"{options.repeats} repeats"
    )
    for model, title in MODELS.items():
        rows = []
        for method in result[model]["fp32"]:
            cells = []
            for name in PRECISIONS:
                mine, whole = result[model][name][method], result[model][name]["full"]
                ratio = measuring.Spread.of([one / other for one, other in zip(mine, whole, strict=True)])
                cells += [f"{sorted(mine)[len(mine) // 2]:.3f}", str(ratio)]
            rows.append((method, *cells))
        measuring.table((title, "fp32 s", "of full", "bf16 s", "of full"), rows)
        print()
    measuring.write("peft_speed", options, where, {"seconds": result})


if __name__ == "__main__":
    main()
