"""Whether a run's network starts from a simple model (`model.base`), and how training uses it besides."""

from lab.config.schema import Config


def has_base(config: Config) -> bool:
    """Return whether the logits of the run are those of a simple model plus those of the network."""
    return getattr(config.model, "base", None) is not None


def base_dropout(config: Config) -> float:
    """Return the share of the training rows whose logits are the network's alone (`model.base_dropout`)."""
    share: float = getattr(config.model, "base_dropout", 0.0)
    return share


def confidence_weighting(config: Config) -> float:
    """Return the power of the weights of training rows (`model.confidence_weighting`), 0: all count the same."""
    power: float = getattr(config.model, "confidence_weighting", 0.0)
    return power
