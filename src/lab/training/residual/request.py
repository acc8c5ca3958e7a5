"""Whether a run's network starts from a simple model (`model.base`), and how training uses it besides."""

from typing import TYPE_CHECKING

from lab.config.schema import Config

if TYPE_CHECKING:
    from lab.models.classifier import Classifier


def has_base(config: Config) -> bool:
    """Return whether the logits of the run are those of a simple model plus those of the network."""
    return getattr(config.model, "base", None) is not None


def set_training(model: "Classifier", config: Config) -> None:
    """Set what training does with the simple model: `model.base_dropout` and `model.confidence_weighting`."""
    model.base_dropout = getattr(config.model, "base_dropout", 0.0)
    model.confidence_weighting = getattr(config.model, "confidence_weighting", 0.0)
