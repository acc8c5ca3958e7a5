"""Extractive question answering: corpus and tokenizer, an encoder that predicts the span of the answer, the test.

A new run learns or loads the tokenizer and the encoder's weights, and saves tokenizer and architecture in its folder. A
resumed or tested run, or a loaded model, is built from that folder.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.config.schema import Config, Encoder, LossConfig, Ngram, Questions
from lab.core.batches import PairTokenizer, QuestionSpec
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.core.reference.content import Reference
from lab.data.qa.corpus import QuestionCorpus, load_questions
from lab.data.qa.datamodule import QuestionDataModule
from lab.models.qa.extractive_qa import ExtractiveQA, Outputs
from lab.models.qa.n_best import ranked
from lab.models.text.interfaces import TokenEncoder
from lab.training.baselines.answers import answer_baselines, best_sentence_model
from lab.training.baselines.base import Baseline, SplitRows
from lab.training.baselines.fitted import SimpleModel
from lab.training.build.text_encoder import text_encoder
from lab.training.build.tokenizer import get_tokenizer, load_tokenizer
from lab.training.doubt.fit_novelty import question_novelty
from lab.training.doubt.novelty import Novelty
from lab.training.evaluation.base import HeldOut
from lab.training.evaluation.question_answering import AnswersResult, answers_result, held_out_answers
from lab.training.reference.texts import question_reference
from lab.training.tasks.base import Sample, TaskDefinition, accumulation_schedule, check_metrics, initial_training_plan

log = logging.getLogger(__name__)
METRICS = ("f1", "em", "loss")


class QuestionAnswering(TaskDefinition[QuestionSpec, QuestionDataModule, ExtractiveQA]):
    """Extractive question answering."""

    spec_type = QuestionSpec

    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> QuestionDataModule:
        assert isinstance(config.data, Questions), f"data of kind {config.data.kind} contain no questions"
        assert isinstance(config.model, Encoder | Ngram), f"model of kind {config.model.kind} reads no texts"
        check_metrics(config, METRICS)
        cache = Path(config.cache.dir).expanduser()
        corpus = load_questions(config.data, cache)
        for note in corpus.notes:
            log.info("%s", note)
        tokenizer = _tokenizer(config.model, corpus, cache, folder, fresh)
        accumulation = accumulation_schedule(config)
        data = QuestionDataModule(corpus, tokenizer, config.data, config.cache, accumulation, config.seed, pin_memory)
        if fresh:
            tokenizer.save(folder.tokenizer)
        return data

    def build_model(
        self, config: Config, spec: QuestionSpec, folder: RunFolder, fresh: bool, sample: Sample | None = None
    ) -> ExtractiveQA:
        assert isinstance(config.model, Encoder | Ngram), f"model of kind {config.model.kind} reads no texts"
        encoder = text_encoder(config, load_tokenizer(folder.tokenizer), folder, fresh)
        assert isinstance(encoder, TokenEncoder), f"{type(encoder).__name__} has no vector per token"
        assert isinstance(config.loss, LossConfig), f"a loss of kind {config.loss.kind} for questions"
        model = ExtractiveQA(
            spec, encoder, config.loss.label_smoothing, config.model.dropout, initial_training_plan(config)
        )
        if fresh:
            encoder.save_architecture(folder.tokenizer)
        return model

    def connect(self, model: ExtractiveQA, data: QuestionDataModule) -> None:
        model.grade_against(data.references)

    def reference(self, data: QuestionDataModule) -> Reference:
        return question_reference(data)

    def held_out(self, model: ExtractiveQA, data: QuestionDataModule, outputs: Sequence[Outputs]) -> HeldOut:
        spec, references = data.spec, data.references["val"]
        seen = sorted({row for batch in outputs for row in batch.rows.tolist()})
        every = ranked(outputs, references, spec.n_best, spec.no_answer)
        return held_out_answers(seen, [every[row] for row in seen], references.of(seen), spec)

    def novelty(self, data: QuestionDataModule, val: HeldOut) -> Novelty:
        return question_novelty(data, val)

    def identity(
        self, data: QuestionDataModule, split: str, rows: npt.NDArray[np.int64]
    ) -> Mapping[str, Sequence[object]]:
        questions = [data.corpus.splits[split].questions[row] for row in rows.tolist()]
        return {
            "row": rows.tolist(),
            "id": [question.id for question in questions],
            "text": [question.text for question in questions],
        }

    def baselines(self, data: QuestionDataModule, rows: SplitRows) -> Iterator[Baseline]:
        spec, references = data.spec, data.references
        scored = {split: references[split].of(kept.tolist()) for split, kept in rows.items()}
        yield from answer_baselines(references["train"], scored, spec.language, 0, spec.no_answer)

    def simple_models(
        self, config: Config, model: ExtractiveQA, data: QuestionDataModule, rows: SplitRows
    ) -> Iterator[SimpleModel]:
        spec, scored = data.spec, {}
        for split, kept in rows.items():
            texts = [data.corpus.splits[split].questions[row].text for row in kept.tolist()]
            scored[split] = (texts, data.references[split].of(kept.tolist()))
        yield best_sentence_model(data.references["train"], scored, spec.language, spec.no_answer, config.baselines)

    def evaluate(self, model: ExtractiveQA, data: QuestionDataModule) -> AnswersResult:
        spec, questions = data.spec, data.corpus.splits["test"].questions
        test = data.references["test"]
        candidates = ranked(model.test_outputs, test, spec.n_best, spec.no_answer)
        rows = data.evaluated_rows("test").tolist()
        if len(rows) < len(questions):
            test, candidates = test.of(rows), [candidates[row] for row in rows]
        identity = [(questions[row].id, questions[row].text) for row in rows]
        loss = model.metrics["test"].compute()["loss"]
        return answers_result(loss, candidates, rows, identity, test, spec.language, spec.no_answer)


def _tokenizer(
    model: Encoder | Ngram, corpus: QuestionCorpus, cache: Path, folder: RunFolder, fresh: bool
) -> PairTokenizer:
    tokenizer = get_tokenizer(model, lambda: _texts(corpus), f"{corpus.fingerprint}/asked", cache, folder, fresh)
    if not isinstance(tokenizer, PairTokenizer):
        problem = f"{type(tokenizer).__name__} does not know the positions of its tokens in the text"
        raise RequestError(Mistake("model", problem, "model=tiny", model.name))
    return tokenizer


def _texts(corpus: QuestionCorpus) -> Iterator[list[str]]:
    """Batches of texts to learn a vocabulary from: the training contexts and questions."""
    train = corpus.splits["train"]
    texts = iter([*train.contexts, *(question.text for question in train.questions)])
    while batch := list(islice(texts, 1000)):
        yield batch
