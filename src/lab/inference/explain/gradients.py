"""Integrated gradients (arXiv 1703.01365) over the vectors of the tokens, by Captum, with as many steps as are needed.

The baseline is the same text with padding in place of every token that stands for a part of the text; special tokens
stay. Rows whose attributions do not sum to the difference of scores are computed again with more steps, up to a bound.
Cost: a forward and a backward pass per row and step, 32 steps where those are enough.
Shapes: B rows, L tokens, D size of a token's vector.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lab.core.errors import Mistake, RequestError
from lab.inference.explain.interface import TOLERANCE, completeness_error

STEPS = (32, 128, 512, 2048)
"""Steps of the path from the baseline, tried one after the other."""
ENOUGH = TOLERANCE / 2
"""Completeness error at which no more steps are tried; rounding then cannot lift it above the tolerance."""

Score = Callable[..., Tensor]
"""(vectors (B, L, D), tensors of B rows ...) -> scores (B,)."""


class Attributions(NamedTuple):
    """values: (B, L) attribution of each token; errors: completeness error of each row."""

    values: Tensor
    errors: list[float]


def attributions(
    score: Score, vectors: Tensor, baselines: Tensor, others: Sequence[Tensor], batch_size: int,
    steps: Sequence[int] = STEPS,
) -> Attributions:  # fmt: skip
    """Return the attributions of some rows. vectors, baselines: (B, L, D); others: further arguments of `score`."""
    with torch.no_grad():
        differences = (score(vectors, *others) - score(baselines, *others)).double().cpu().tolist()
    values = torch.zeros(vectors.shape[:2], dtype=torch.double)
    errors = [float("inf")] * len(vectors)
    pending = list(range(len(vectors)))
    for num in steps:
        picked = torch.tensor(pending, device=vectors.device)
        parts = _gradients(
            score, vectors[picked], baselines[picked], [each[picked] for each in others], num, batch_size
        )
        for place, row in zip(pending, parts, strict=True):
            error = completeness_error(float(row.sum()), differences[place])
            if error < errors[place]:
                values[place], errors[place] = row, error
        pending = [place for place in pending if errors[place] > ENOUGH]
        if not pending:
            break
    return Attributions(values, errors)


def _gradients(
    score: Score, vectors: Tensor, baselines: Tensor, others: Sequence[Tensor], steps: int, batch_size: int
) -> Tensor:
    from captum.attr import IntegratedGradients  # type: ignore[import-untyped]

    values: Tensor = IntegratedGradients(score).attribute(
        vectors, baselines, additional_forward_args=tuple(others), n_steps=steps, method="gausslegendre",
        internal_batch_size=max(batch_size, len(vectors)),
    )  # fmt: skip
    return values.detach().double().sum(-1).cpu()


def token_table(encoder: nn.Module, ids: Tensor, run: Callable[[], object]) -> nn.Module:
    """Return the module that turns ids into vectors. run: computes a batch of these ids with the encoder.

    Raises RequestError for an encoder without an embedding of its ids.
    """
    seen: list[nn.Module] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], _: object) -> None:
        if inputs and inputs[0].shape == ids.shape and torch.equal(inputs[0], ids):
            seen.append(module)

    hooks = [part.register_forward_hook(look) for part in encoder.modules() if isinstance(part, nn.Embedding)]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        problem = f"its encoder {type(encoder).__name__} has no torch.nn.Embedding that reads the ids of the tokens"
        raise RequestError(Mistake("explain", f"this model cannot be explained: {problem}", "explain=false", True))
    return seen[0]


@contextmanager
def output_of(module: nn.Module, output: Tensor) -> Iterator[None]:
    """Let a module return `output` inside the block, whatever it is given."""
    hook = module.register_forward_hook(lambda *_: output)
    try:
        yield
    finally:
        hook.remove()
