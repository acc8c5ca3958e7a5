"""Whether a run's network starts from a simple model (`model.base`)."""

from lab.config.schema import Config


def has_base(config: Config) -> bool:
    """Return whether the logits of the run are those of a simple model plus those of the network."""
    return getattr(config.model, "base", None) is not None
