"""Builds the linear models that are solved in one pass: of texts, and of the last values of series."""

from lab.config.schema import Config, Labelled, Linear
from lab.core.batches import TextSpec, Tokenizer
from lab.models.linear.text_classifier import LinearTextClassifier
from lab.models.linear.tfidf_encoder import TfidfEncoder
from lab.models.linear.tokenizer import SparseNgramTokenizer
from lab.models.task_module import Training


def linear_text_classifier(
    config: Config, spec: TextSpec, tokenizer: Tokenizer, training: Training
) -> LinearTextClassifier:
    """The classifier of `model=linear`, not fitted."""
    model = config.model
    assert isinstance(model, Linear)
    assert isinstance(config.data, Labelled)
    assert isinstance(tokenizer, SparseNgramTokenizer), f"model=linear with a {type(tokenizer).__name__}"
    encoder = TfidfEncoder(sum(head.num_classes for head in spec.heads), tokenizer)
    classifier = LinearTextClassifier(spec, encoder, config.loss, model.c, model.choose_words, training)
    classifier.chooses = not config.data.split.train_on_val
    return classifier
