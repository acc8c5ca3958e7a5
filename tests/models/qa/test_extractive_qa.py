"""The best window of a question gives its answer; the answer is empty only if every window agrees."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lab.config import schema
from lab.core.batches import QuestionBatch, QuestionSpec, References
from lab.models.qa.extractive_qa import ExtractiveQA, Outputs, SpanMetric, characters
from lab.models.qa.n_best import ranked
from lab.models.qa.spans import Candidates
from lab.models.task_module import Training
from lab.models.text.interfaces import TokenEncoder
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

CONTEXT = "la bomba vibra y el motor no"
TEST = References((CONTEXT, "el eje gira"), (0, 0, 1), (("bomba",), ("motor",), ()))


def spec(no_answer: bool = False, vocabulary: int = 300) -> QuestionSpec:
    return QuestionSpec(vocabulary, 1, 64, "es", 10, 4, no_answer)


def window_batch(rows: list[int], length: int = 8) -> QuestionBatch:
    """Windows in which tokens 4 to L - 2 are words of the context, three characters apart."""
    num = len(rows)
    places = torch.full((num, length, 2), -1)
    places[:, 4 : length - 1, 0] = torch.arange(0, 3 * (length - 5), 3)
    places[:, 4 : length - 1, 1] = places[:, 4 : length - 1, 0] + 2
    ids = torch.arange(num * length).reshape(num, length) % 50 + 4
    segments = (torch.arange(length) >= 4).long().repeat(num, 1)
    spans = torch.tensor([[4 + row % 2, 5] for row in rows])
    mask = torch.ones(num, length, dtype=torch.bool)
    return QuestionBatch(ids, mask, segments, places, spans, torch.tensor(rows), torch.tensor(num))


def best_spans(scores: list[float], tokens: list[int], none: list[float]) -> Candidates:
    first = torch.tensor(tokens)[:, None]
    return Candidates(torch.tensor(scores)[:, None], first, first, torch.tensor(none))


@pytest.fixture
def model(shipped: Callable[..., Any], tmp_path: Any) -> Callable[..., ExtractiveQA]:
    def built(smoothing: float = 0.0) -> ExtractiveQA:
        sizes = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                 "intermediate_size": 64, "max_position_embeddings": 64}  # fmt: skip
        config = shipped("tiny", architecture=sizes, vocabulary_size=100)
        tokenizer = build_tokenizer(config, lambda: iter([[CONTEXT] * 5]))
        torch.manual_seed(0)
        encoder = build_encoder(config, tokenizer, tmp_path)
        encoder.transformer.resize_token_embeddings(100, mean_resizing=False)  # type: ignore[attr-defined]
        assert isinstance(encoder, TokenEncoder)
        plan = Training(
            schema.AdamW(lr=1e-3, weight_decay=0, betas=(0.9, 0.999), eps=1e-8, layer_decay=1, head_lr=None,
                             fused="auto"),
            schema.SchedulerConfig(kind="constant", warmup_ratio=0, warmup_steps=None, step_epochs=1, gamma=1),
            (10,), 0,
        )  # fmt: skip
        model = ExtractiveQA(spec(), encoder, smoothing, 0.0, plan)
        model.grade_against(dict.fromkeys(("train", "val", "test"), TEST))
        return model

    return built


def test_the_best_window_of_a_question_gives_the_answer() -> None:
    metric = SpanMetric(TEST, spec())
    losses = torch.tensor([1.0, 3.0])
    metric.update(window_batch([0, 0]), losses, best_spans([-2.0, -1.0], [4, 5], [0.0, 0.0]))
    assert metric.answers() == {0: CONTEXT[3:5]}
    metric.update(window_batch([0]), torch.tensor([2.0]), best_spans([-9.0], [4], [0.0]))
    assert metric.answers() == {0: CONTEXT[3:5]}, "a later, worse window changes nothing"
    assert metric.compute()["loss"] == pytest.approx(2.0)


def test_the_answer_is_empty_only_if_every_window_prefers_no_answer() -> None:
    metric = SpanMetric(TEST, spec(no_answer=True))
    metric.update(window_batch([2, 2]), torch.zeros(2), best_spans([-2.0, -3.0], [4, 4], [-0.1, -5.0]))
    assert metric.answers() == {2: TEST.contexts[1][0:2]}
    metric.reset()
    metric.update(window_batch([2, 2]), torch.zeros(2), best_spans([-2.0, -3.0], [4, 4], [-0.1, -0.2]))
    assert metric.answers() == {2: ""}
    assert metric.compute()["em"] == 1.0


def test_the_best_span_is_that_of_a_loop_over_the_windows() -> None:
    random = torch.Generator().manual_seed(0)
    metric, best, least = SpanMetric(TEST, spec()), {}, {}
    for _ in range(20):
        rows = torch.randint(0, len(TEST.answers), (6,), generator=random).tolist()
        scores = (-torch.randint(1, 4, (6,), generator=random)).float()
        scores[0] = torch.nan
        none = torch.rand(6, generator=random)
        metric.update(window_batch(rows), torch.zeros(6), best_spans(scores.tolist(), [4, 5] * 3, none.tolist()))
        for place, row in enumerate(rows):
            least[row] = min(least.get(row, math.inf), float(none[place]))
            if float(scores[place]) > best.get(row, (-math.inf,))[0]:
                best[row] = (
                    float(scores[place]),
                    *characters(window_batch([row]), best_spans([0], [4 + place % 2], [0]))[0, 0],
                )
        for row, expected in best.items():
            assert metric.best[row].tolist() == [float(value) for value in expected]
        assert {row: float(metric.no_answer[row]) for row in least} == pytest.approx(least)


def test_windows_are_scored_without_waiting_for_the_device() -> None:
    """A "meta" tensor has no values: whatever a GPU would wait for fails."""
    device = torch.device("meta")
    metric = SpanMetric(TEST, spec())
    spans = Candidates(*(value.to(device) for value in best_spans([-1.0, -2.0], [4, 5], [0.0, 0.0])))
    for _ in range(2):
        metric.update(window_batch([0, 0]).to(device), torch.zeros(2, device=device), spans)
    assert {value.device for value in (metric.sums, metric.best, metric.no_answer)} == {device}


def test_a_metric_goes_on_where_it_was_stored() -> None:
    one, other = SpanMetric(TEST, spec()), SpanMetric(TEST, spec())
    one.update(window_batch([0]), torch.tensor([1.0]), best_spans([-2.0], [4], [0.0]))
    other.restore(one.state())
    for metric in (one, other):
        metric.update(window_batch([1]), torch.tensor([2.0]), best_spans([-1.0], [5], [0.0]))
    assert one.compute() == other.compute()
    assert other.answers() == {0: CONTEXT[0:2], 1: CONTEXT[3:5]}


def test_equal_candidates_of_overlapping_windows_are_merged() -> None:
    def outputs(
        rows: list[int], scores: list[list[float]], places: list[list[list[int]]], none: list[float]
    ) -> Outputs:
        return Outputs(torch.tensor(rows), torch.tensor(scores), torch.tensor(places), torch.tensor(none))

    batches = [
        outputs([1, 0], [[-1.0, -2.0], [-3.0, -torch.inf]], [[[0, 2], [3, 8]], [[3, 8], [-1, -1]]], [-9.0, -9.0]),
        outputs([1], [[-0.5, -4.0]], [[[3, 8], [9, 14]]], [-1.5]),
    ]
    answers = ranked(batches, TEST, 2, no_answer=False)
    assert [candidate.text for candidate in answers[1]] == ["bomba", "la"]
    assert [candidate.score for candidate in answers[1]] == [-0.5, -1.0]
    assert sum(candidate.probability for candidate in answers[1]) == pytest.approx(1)
    assert [candidate.text for candidate in answers[0]] == ["bomba"]
    assert answers[2] == ()
    candidates = ranked(batches, TEST, 3, no_answer=True)[1]
    assert [(answer.text, answer.score) for answer in candidates] == [("bomba", -0.5), ("la", -1.0), ("vibra", -4.0)]
    assert ranked(batches, TEST, 4, no_answer=True)[1][-1].score == -9.0, "the least score of all windows"


def test_four_batches_of_an_accumulation_window_equal_one_large_batch(model: Callable[..., ExtractiveQA]) -> None:
    task = model().eval()
    whole = window_batch([0, 1, 2, 0])
    tensors = [tensor for tensor in vars(whole).values() if isinstance(tensor, Tensor)]
    parts = [QuestionBatch(*(t[i : i + 1] if t.ndim else t for t in tensors)) for i in range(4)]
    with torch.no_grad():
        assert float(sum(task.loss(part) for part in parts)) == pytest.approx(float(task.loss(whole)), rel=1e-5)


def test_padding_does_not_change_the_scores(model: Callable[..., ExtractiveQA]) -> None:
    task = model().eval()
    batch = window_batch([0, 1])
    logs = task(batch)

    def padded(tensor: Tensor, value: int) -> Tensor:
        shape = (tensor.shape[0], 3, *tensor.shape[2:])
        return torch.cat([tensor, torch.full(shape, value, dtype=tensor.dtype)], 1)

    longer = QuestionBatch(padded(batch.ids, 1), padded(batch.mask, 0), padded(batch.segments, 0),
                           padded(batch.places, -1), batch.spans, batch.rows, batch.window_rows)  # fmt: skip
    assert torch.allclose(task(longer)[:, :8][logs > -100], logs[logs > -100], atol=1e-5)
    assert torch.allclose(task.losses(longer, task(longer)), task.losses(batch, logs), atol=1e-5)


def test_the_encoder_reads_the_segments(model: Callable[..., ExtractiveQA]) -> None:
    task = model().eval()
    batch = window_batch([0])
    before = task(batch)
    batch.segments.zero_()
    assert not torch.allclose(task(batch), before)


def test_training_learns_two_answers(model: Callable[..., ExtractiveQA]) -> None:
    task = model().train()
    optimizer, batch = task.make_optimizer(), window_batch([0, 1])
    for _ in range(60):
        optimizer.zero_grad()
        loss = task.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(loss.detach()) < 0.1
    assert any(torch.equal(parameter, task.span.weight) for group in optimizer.param_groups
               for parameter in group["params"])  # fmt: skip


def test_smoothing_changes_the_loss(model: Callable[..., ExtractiveQA]) -> None:
    batch = window_batch([0])
    with torch.no_grad():
        assert float(model(0.2).eval().loss(batch)) != float(model(0.0).eval().loss(batch))
