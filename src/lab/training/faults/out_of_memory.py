"""A run that has no memory left: the part of the run in which it happened, and what needs less, ready to be typed.

A batch that does not fit is not tried again at half its size: the rows of a batch depend on its size, so the run would
not be the requested one. `callbacks.batch_finder` searches the largest size that fits before training.
"""

import re
import traceback
from typing import Literal

import torch

from lab.config.schema import Config, Data, Labelled
from lab.config.validation_rows import is_solved
from lab.core.errors import RunError

TEXTS = (
    "out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)  # fmt: skip
"""In the message of a RuntimeError, which torch raises for a CPU and for the libraries of CUDA."""
EVALUATION = {"validation_step", "test_step", "predict_step"}
OF_THE_ALLOCATOR = re.compile(r"(?<=is free\.).*|(?<=bytes\.) Error code.*")
"""What torch adds about its allocator, after the sizes that matter."""
Part = Literal["setup", "training", "evaluation"]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory, on a CPU or a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in TEXTS)


def part_of(error: BaseException, has_trained: bool) -> Part:
    """The part of a run in which the error was raised. has_trained: whether the fit had begun."""
    functions = {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}
    if functions & EVALUATION:
        return "evaluation"
    return "training" if has_trained else "setup"


def out_of_memory(error: BaseException, part: Part, config: Config | None, resume: str | None) -> RunError:
    """The error in words. config: None where it is unknown; resume: the command that resumes the run, if it can be.

    The tensors in the frames of `error` are freed: another run of the same process may need their memory.
    """
    traceback.clear_frames(error.__traceback__)
    lines = [OF_THE_ALLOCATOR.sub("", line) for line in str(error).splitlines()[:1]] or [type(error).__name__]
    return RunError(f"out of memory in {part}: {lines[0]}\n    try: {remedy(config, part, resume)}", "oom")


def remedy(config: Config | None, part: Part, resume: str | None) -> str:
    """What needs less memory."""
    data = None if config is None else config.data
    if part == "setup":
        fewer = "fewer or narrower layers, model.buckets, model.vocabulary_size"
        return f"a smaller model ({fewer}), or fewer rows of data"
    if config is None or not isinstance(data, Data):
        return f"smaller batches of {part} in the data module{_later(resume)}"
    if is_solved(config):
        return f"fewer rows, or fewer features of the model{_later(resume)}"
    size = data.eval_batch_size if part == "evaluation" else data.batch_size
    if size == 1:
        shorter = "a shorter data.max_length" if isinstance(data, Labelled) else "shorter windows"
        return f"{shorter}, or a smaller model: a batch has one row{_later(resume)}"
    if part == "evaluation":
        smaller = f"data.eval_batch_size={size // 2}"
        return smaller if resume is None else f"{resume} {smaller}"
    return f"a new run with {_half_a_batch(config, data)}: as many rows a step, in half the memory{_later(resume)}"


def _half_a_batch(config: Config, data: Data) -> str:
    half = f"data.batch_size={data.batch_size // 2}"
    if config.callbacks.accumulate.schedule:
        return f"{half} and twice the micro-batches in callbacks.accumulate.schedule"
    return f"{half} trainer.accumulate_grad_batches={2 * config.trainer.accumulate_grad_batches}"


def _later(resume: str | None) -> str:
    return "" if resume is None else f"; or, where more memory is free: {resume}"
