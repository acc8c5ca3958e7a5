"""Questions about contexts: corpus, tokenizer, loaders and a model that answers, made in the order that is possible.

A fresh run learns or loads the tokenizer and the encoder's weights and leaves in its folder what it takes to make both
again; a resumed or tested run makes them from its folder alone.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from lab.callbacks.gradient_accumulation import accumulation
from lab.config.schema import Config, Encoder, Ngram, Questions
from lab.core.batches import PairTokenizer
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.data.qa.corpus import QuestionCorpus, load_questions
from lab.data.qa.datamodule import QuestionData
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.qa.n_best import ranked
from lab.models.task_module import Training
from lab.models.text.interfaces import TokenEncoder
from lab.training.build.text_encoder import text_encoder
from lab.training.build.tokenizer import tokenizer_of
from lab.training.build.trainer import Hardware, pinned
from lab.training.evaluation.question_answering import Answered, answered, baselines
from lab.training.tasks.base import Material, check_metrics, ends_of_epochs

log = logging.getLogger(__name__)
METRICS = ("f1", "em", "loss")


@dataclass
class AskedQuestions(Material):
    """Extractive question answering."""

    corpus: QuestionCorpus
    data: QuestionData
    model: ExtractiveQA

    def __post_init__(self) -> None:
        self.name, self.fingerprint = self.corpus.name, self.corpus.fingerprint

    @property
    def facts(self) -> dict[str, object]:
        return {**self.corpus.facts, **self.data.window_facts}

    def metric_names(self) -> Iterator[str]:
        return iter(METRICS)

    def tested(self) -> Answered:
        spec, asked = self.data.spec, self.corpus.splits["test"]
        train, test = spec.references["train"], spec.references["test"]
        candidates = ranked(self.model.test_outputs, test, spec.n_best, spec.no_answer)
        questions = [(question.id, question.text) for question in asked.questions]
        compared = baselines(train, test, spec.language, 0, spec.no_answer)
        loss = self.model.metrics["test"].compute()["loss"]
        return answered(loss, candidates, questions, test, compared, spec.language, spec.no_answer)


def prepare_questions(config: Config, folder: RunFolder, where: Hardware, fresh: bool) -> AskedQuestions:
    """Raises RequestError for whatever is wrong with data, weights or what the two ask of each other."""
    assert isinstance(config.data, Questions), f"data of kind {config.data.kind} ask nothing"
    assert isinstance(config.model, Encoder | Ngram), f"model of kind {config.model.kind} reads no texts"
    check_metrics(config, METRICS)
    corpus = load_questions(config.data, Path(config.cache.dir).expanduser())
    for note in corpus.notes:
        log.info("%s", note)
    cache = Path(config.cache.dir).expanduser()
    tokenizer = _tokenizer(config.model, corpus, cache, folder, fresh)
    steps = config.callbacks.accumulate
    accumulate = partial(accumulation, batches=steps.batches, schedule=steps.schedule)
    data = QuestionData(corpus, tokenizer, config.data, config.cache, accumulate, config.seed, pinned(config, where))
    log.info("%s", windows_line(data))
    encoder = text_encoder(config, tokenizer, folder, fresh)
    assert isinstance(encoder, TokenEncoder), f"{type(encoder).__name__} has no vector a token"
    ends = ends_of_epochs(config, data.num_batches())
    training = Training(config.optimizer, config.scheduler, ends, config.seed)
    model = ExtractiveQA(data.spec, encoder, config.loss.label_smoothing, config.model.dropout, training)
    if fresh:
        tokenizer.save(folder.tokenizer)
        encoder.save_architecture(folder.tokenizer)
    return AskedQuestions(corpus, data, model)


def windows_line(data: QuestionData) -> str:
    """One line on how the training questions became windows."""
    facts = data.window_facts
    long = facts["answers_over_max_answer_share"]
    cut = facts["questions_without_window"]
    lost = f"; no window holds the answers of {cut} questions whole: a longer data.stride would" if cut else ""
    return (
        f"windows of {facts['max_length']} tokens, {facts['stride']} of them shared: {facts['train_windows']} "
        f"to train on; {long:.1%} of the answers are longer than data.max_answer={data.config.max_answer} tokens{lost}"
    )


def _tokenizer(
    model: Encoder | Ngram, corpus: QuestionCorpus, cache: Path, folder: RunFolder, fresh: bool
) -> PairTokenizer:
    found = tokenizer_of(model, lambda: _texts(corpus), f"{corpus.fingerprint}/asked", cache, folder, fresh)
    if not isinstance(found, PairTokenizer):
        problem = f"{type(found).__name__} does not know where its tokens stand"
        raise RequestError(Mistake("model", problem, "model=tiny", model.name))
    return found


def _texts(corpus: QuestionCorpus) -> Iterator[list[str]]:
    """Training contexts, each once, and questions, for a vocabulary."""
    asked = corpus.splits["train"]
    texts = iter([*asked.contexts, *(question.text for question in asked.questions)])
    while some := list(islice(texts, 1000)):
        yield some
