"""Memory of a GPU: page-locked batches, the recorded peak, and a run that has none left."""

import torch

import lab
from benchmarks.gpu.numerics import material_of
from benchmarks.gpu.outcome import Outcome, Place, judged, needs_gpu
from lab.callbacks.nan_guard import named_tensors
from lab.core.errors import RunError

GIB = 2**30


def pinned_copies(place: Place) -> Outcome:
    """Batches are page-locked, so that their copy to the GPU runs beside its work."""
    _, batch = material_of(place)
    if not place.is_gpu:
        return needs_gpu("page-locked memory")
    pinned = batch.pin_memory()
    tensors = [tensor for _, tensor in named_tensors(pinned)]
    copied = pinned.to(torch.device("cuda"), non_blocking=True)
    torch.cuda.synchronize()
    pairs = zip(named_tensors(batch), named_tensors(copied), strict=True)
    equal = all(torch.equal(one, other.cpu()) for (_, one), (_, other) in pairs)
    ok = equal and all(tensor.is_pinned() for tensor in tensors)
    return judged(ok, f"{sum(tensor.is_pinned() for tensor in tensors)} of {len(tensors)} tensors are page-locked")


def peak(place: Place) -> Outcome:
    """The record has the peak of the GPU's memory, which grows with the batch."""
    if not place.is_gpu:
        return needs_gpu("the peak of a GPU's memory")
    peaks = {size: place.trained(f"b{size}", f"data.batch_size={size}").read()["memory"]["peak_gpu_gib"]
             for size in (16, 128)}  # fmt: skip
    text = ", ".join(f"{value:.2f} GiB with batches of {size}" for size, value in peaks.items())
    return judged(0 < peaks[16] < peaks[128], text, peak_gpu_gib=peaks)


def out_of_memory(place: Place) -> Outcome:
    """A batch that does not fit ends the run with a remedy, and the process can train on."""
    if not place.is_gpu:
        return needs_gpu("too little of a GPU's memory")
    torch.cuda.set_per_process_memory_fraction(0.5 * GIB / torch.cuda.get_device_properties(0).total_memory)
    large = ["model.architecture.hidden_size=1024", "model.architecture.intermediate_size=4096"]
    try:
        place.trained("greedy", "data.batch_size=1024", *large)
    except RunError as error:
        words = str(error)
    else:
        return Outcome("failed", "a large batch fitted into half a GiB: the limit of the process had no effect")
    torch.cuda.empty_cache()
    modest = place.trained("modest", "data.batch_size=8").read()
    record = lab.load(place.folder / "greedy").record
    ok = record["failure"] == "oom" and "data.batch_size=512" in words and modest["status"] == "completed"
    return judged(ok, words.splitlines()[0][:120], message=words)
