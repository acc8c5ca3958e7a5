"""The explainer of each predictor."""

from lab.cli.optional_packages import missing_packages, not_installed
from lab.core.batches import SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.inference.explain.interface import Explainer
from lab.inference.explain.questions import PlacingPairTokenizer, QuestionExplainer
from lab.inference.explain.series import SeriesExplainer
from lab.inference.explain.texts import GradientExplainer, NgramExplainer, PlacingTokenizer
from lab.inference.predictor import Predictor
from lab.inference.questions import QuestionPredictor
from lab.inference.series import SeriesPredictor
from lab.inference.texts import TextPredictor
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.models.text.ngram import NgramEncoder


def explainer_of(predictor: Predictor) -> Explainer:
    """Return the explainer of a predictor.

    Raises RequestError for a predictor that cannot be explained, or if the package of its method is not installed.
    """
    model = getattr(predictor, "model", None)
    if isinstance(predictor, TextPredictor) and isinstance(predictor.tokenizer, PlacingTokenizer):
        _refuse_other(model, MultitaskTextClassifier)
        if isinstance(predictor.model.encoder, NgramEncoder):
            return NgramExplainer(predictor, predictor.tokenizer)
        _need_captum()
        return GradientExplainer(predictor, predictor.tokenizer)
    if isinstance(predictor, QuestionPredictor) and isinstance(predictor.tokenizer, PlacingPairTokenizer):
        _refuse_other(model, ExtractiveQA)
        _need_captum()
        return QuestionExplainer(predictor, predictor.tokenizer)
    if isinstance(predictor, SeriesPredictor):
        spec = predictor.model.spec
        assert isinstance(spec, SeriesSpec)
        return SeriesExplainer(predictor, spec.channels)
    raise _unexplained(type(predictor).__name__)


def _refuse_other(model: object, kind: type) -> None:
    """Refuse a model of which only the outputs are known, such as an ONNX graph."""
    if not isinstance(model, kind):
        raise _unexplained(type(model).__name__)


def _unexplained(name: str) -> RequestError:
    problem = f"a model of kind {name} cannot be explained: its layers and the places of its tokens are not known"
    return RequestError(Mistake("explain", problem, "explain=false", True))


def _need_captum() -> None:
    mistakes = [not_installed("explain", name, "explain=false", True) for name in missing_packages("explain=true")]
    if mistakes:
        raise RequestError(mistakes)
