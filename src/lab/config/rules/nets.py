"""Contradictions about the sizes and switches of nets for series.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Sequence

from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake, listed


def _heads(width: int, num_heads: int) -> Found:
    if int(width) % int(num_heads):
        fitting = next(number for number in range(int(num_heads), 0, -1) if int(width) % number == 0)
        problem = f"does not divide model.width={width}, which is split equally among the heads"
        yield Mistake("model.num_heads", problem, f"model.num_heads={fitting}", num_heads)


def _rotary(width: int, num_heads: int, rope: str) -> Found:
    part, needed = int(width) // max(1, int(num_heads)), {"interleaved_half": 4, "split_full": 2}.get(rope)
    if needed is None or int(width) % int(num_heads) or part % needed == 0:
        return
    problem = (
        f"gives heads of {part} dimensions; model.rope={rope} rotates pairs, so a head must have a multiple of {needed}"
    )
    yield Mistake("model.width", problem, f"model.width={(part // needed + 1) * needed * int(num_heads)}", width)


def _covariate(covariate: bool, mixing: bool) -> Found:
    if covariate and not mixing:
        problem = "lets the last channel attend to the others, but model.mixing=false keeps all channels separate"
        yield Mistake("model.covariate", problem, "model.mixing=true, or model.covariate=false", True)


def _partial(partial: bool, checkpoint: str | None) -> Found:
    if partial and checkpoint is None:
        yield Mistake("model.partial", "there is no checkpoint to load", "model.partial=false", True)


def _pretraining(pretrain: bool, causal: bool, ensemble: int) -> Found:
    if pretrain and not causal:
        problem = "a network that sees the whole window would copy the patch that it has to predict"
        yield Mistake("model.causal", problem, "model.causal=true", False)
    if pretrain and int(ensemble) > 1:
        yield Mistake("model.ensemble", "pretraining trains one network", "model.ensemble=1", ensemble)


def _overlap(patch: int, stride: int) -> Found:
    if int(stride) > int(patch):
        problem = f"skips samples between patches of {patch} steps"
        yield Mistake("model.stride", problem, f"model.stride={patch}", stride)


def _odd(kernels: Sequence[int]) -> Found:
    even = [str(kernel) for kernel in kernels if int(kernel) % 2 == 0]
    if even:
        problem = f"{listed(even)}: an even kernel has no middle, so its output would be shifted by half a step"
        odd = ",".join(str(int(kernel) - 1 + int(kernel) % 2) for kernel in kernels)
        yield Mistake("model.kernels", problem, f"'model.kernels=[{odd}]'", list(kernels))
    if not kernels:
        yield Mistake("model.kernels", "is empty", "'model.kernels=[39,19,9]'", [])


def _skip(length: int, skip: int) -> Found:
    if int(skip) > int(length):
        yield Mistake("model.linear_skip", f"the windows have {length} time steps", f"model.linear_skip={length}", skip)


SOLVED = "has no effect on model.head=ridge, which is solved by least squares of -1/+1 targets"


def _solved(head: str, loss: str) -> Found:
    if head == "ridge" and loss != "cross_entropy":
        remedy = "loss=default" if loss == "custom" else "loss.kind=cross_entropy"
        yield Mistake("loss.kind", SOLVED, f"{remedy}, or model.head=logistic", loss)


def _smoothed(head: str, smoothing: float) -> Found:
    if head == "ridge" and smoothing != 0.0:
        yield Mistake("loss.label_smoothing", SOLVED, "loss.label_smoothing=0.0, or model.head=logistic", smoothing)


def _adjusted(head: str, adjustment: float) -> Found:
    if head == "ridge" and adjustment != 0.0:
        yield Mistake("loss.logit_adjustment", SOLVED, "loss.logit_adjustment=0.0, or model.head=logistic", adjustment)


def _alphas(alphas: Sequence[float]) -> Found:
    if not alphas or any(float(alpha) <= 0 for alpha in alphas):
        problem = "must be at least one penalty, each greater than 0"
        yield Mistake("model.alphas", problem, "'model.alphas=[0.1,1.0,10.0]'", list(alphas))


RULES: tuple[Rule, ...] = (
    (("model.width", "model.num_heads"), _heads),
    (("model.width", "model.num_heads", "model.rope"), _rotary),
    (("model.covariate", "model.mixing"), _covariate),
    (("model.partial", "model.checkpoint"), _partial),
    (("model.pretrain", "model.causal", "model.ensemble"), _pretraining),
    (("model.patch", "model.stride"), _overlap),
    (("model.kernels",), _odd),
    (("data.window", "model.linear_skip"), _skip),
    (("model.head", "loss.kind"), _solved),
    (("model.head", "loss.label_smoothing"), _smoothed),
    (("model.head", "loss.logit_adjustment"), _adjusted),
    (("model.alphas",), _alphas),
)
