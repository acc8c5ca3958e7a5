"""How many weights a model has and trains; one in 4 bits counts as what it stands for, not as the bytes it fills."""

from torch import nn


def num_weights(parameter: nn.Parameter) -> int:
    """Weights of a parameter; a quantised one holds two a byte and knows its shape."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """Weights in all, and those that may train now."""
    counts = [(num_weights(parameter), parameter.requires_grad) for parameter in model.parameters()]
    return {"total": sum(n for n, _ in counts), "trainable": sum(n for n, trains in counts if trains)}
