"""The interface of explanations: an explainer takes rows as its predictor does, and attributes a score to their words.

The score of a class is its logit. Attributions of integrated gradients and of linear models sum to the difference
between the score of the row and that of an empty row (completeness, arXiv 1703.01365).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from lab.inference.predictor import Row

TOLERANCE = 0.01
"""Largest completeness error of an attribution that counts as complete."""
LEAST_DIFFERENCE = 0.001
"""A difference of scores below this many logits counts as this one: it is as small as the rounding of fp32."""


@dataclass(frozen=True)
class Explanation:
    """The attributions of one head for one row."""

    head: str
    """The head, or `answer` for a question."""
    label: str
    """The class or answer that is explained: the predicted one."""
    words: tuple[tuple[str, float], ...]
    """All words of the text in its order, each with its attribution in logits; positive ones speak for the label. A
    word that the model did not read has 0. For a window of series: its parts, `CHANNEL FIRST..LAST`, in steps before
    the newest."""
    completeness_error: float | None
    """|sum of the attributions - difference of scores| / |difference of scores|; None for occlusion, which has no such
    sum."""
    text: str = ""
    """The text from which the words were taken; empty where there is none."""
    is_first_window: bool = False
    """Whether the text has further windows (`data.max_windows`): the label is that of all, the attributions those of
    the first."""
    num_times: int = 0
    """For a window of series: its parts of time. The words are in the order of channels, then of time."""

    @property
    def is_complete(self) -> bool:
        """Whether the attributions sum to the difference of scores within `TOLERANCE`, where they have to."""
        return self.completeness_error is None or self.completeness_error <= TOLERANCE


class Explainer(ABC):
    """Explains the predictions of one predictor."""

    heads: tuple[str, ...]
    """The heads of each row's explanations, in their order."""
    method: str
    """How the attributions are computed, for readers: "integrated gradients"."""

    @abstractmethod
    def explain(self, rows: Sequence[Row]) -> list[list[Explanation]]:
        """Return one explanation per head for each row; an empty list for a row without a prediction."""


def completeness_error(total: float, difference: float) -> float:
    """Return the relative error of a sum of attributions.

    >>> completeness_error(1.98, 2.0), completeness_error(0.0, 0.0)
    (0.01, 0.0)
    """
    return round(abs(total - difference) / max(abs(difference), LEAST_DIFFERENCE), 6)
