"""Windows map back to characters: the answer's span of tokens is the answer, question tokens never are."""

import itertools
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import yaml
from tokenizers import models, pre_tokenizers, processors

from lab.config.schema import Encoder
from lab.core.errors import RequestError
from lab.data.qa.demo import generate
from lab.data.qa.question_rows import Answer, ReadingBuilder
from lab.data.qa.splits import QuestionSplit
from lab.data.qa.squad import read_squad
from lab.data.qa.windows import Windows, answer_span, refuse_long_questions, windows, without_white_space
from lab.models.text.subword_tokenizer import SubwordTokenizer
from lab.training.build.tokenizer import build_tokenizer

FAQUAD = os.environ.get("LAB_FAQUAD")
MODELS = Path(__file__).parents[3] / "conf" / "model"


def tokenizer(name: str, texts: list[str]) -> Any:
    model = Encoder.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text(encoding="utf-8")))
    return build_tokenizer(model, lambda: iter([texts]))


def asked_of(reading: Any) -> QuestionSplit:
    return QuestionSplit(reading.contexts, reading.questions)


def text_of(result: Windows, requested: QuestionSplit, window: int) -> str:
    first, last = result.spans[window]
    values = result[window]
    context = requested.contexts[requested.questions[result.question_of[window]].context]
    return context[values[first, 2] : values[last, 3]]


@pytest.fixture
def demo(tmp_path: Path) -> Callable[..., tuple[QuestionSplit, Windows]]:
    requested = asked_of(generate(40, 0))
    words = tokenizer("tiny", list(requested.contexts))

    def made(max_length: int = 40, stride: int = 8) -> tuple[QuestionSplit, Windows]:
        return requested, windows(requested, words, max_length, stride, tmp_path, "demo")

    return made


def test_every_window_that_holds_the_answer_gives_its_text(demo: Callable[..., tuple[QuestionSplit, Windows]]) -> None:
    requested, result = demo()
    assert result.lengths.max() == 40
    assert len(result) > 1.5 * len(requested.questions)
    held = np.flatnonzero(result.spans[:, 1])
    assert {requested.questions[result.question_of[window]].id for window in held} == {
        one.id for one in requested.questions
    }
    for window in held:
        assert text_of(result, requested, window) == requested.questions[result.question_of[window]].answers[0].text


def test_windows_cover_the_context_and_overlap_as_requested(demo: Callable[..., tuple[QuestionSplit, Windows]]) -> None:
    requested, result = demo()
    for number, question in enumerate(requested.questions):
        context = requested.contexts[question.context]
        pieces = [result[window] for window in np.flatnonzero(result.question_of == number)]
        stretches = [piece[piece[:, 2] >= 0][:, 2:] for piece in pieces]
        covered = np.zeros(len(context), bool)
        for stretch in stretches:
            for start, end in stretch:
                covered[start:end] = True
        assert all(covered[place] or char.isspace() for place, char in enumerate(context))
        for one, other in itertools.pairwise(stretches):
            assert len({tuple(place) for place in one} & {tuple(place) for place in other}) == 8


def test_question_tokens_and_special_tokens_have_no_characters(
    demo: Callable[..., tuple[QuestionSplit, Windows]],
) -> None:
    _, result = demo()
    for window in range(len(result)):
        values = result[window]
        inside = np.flatnonzero(values[:, 2] >= 0)
        assert (values[inside, 1] == 1).all(), "segment of the context"
        assert (np.diff(inside) == 1).all()
        assert inside[0] > 2
        assert inside[-1] == len(values) - 2, "a separator ends the window"
        first, last = result.spans[window]
        assert (first, last) == (0, 0) or {first, last} <= set(inside.tolist())


def test_made_once_and_read_by_path(demo: Callable[..., tuple[QuestionSplit, Windows]], tmp_path: Path) -> None:
    _, result = demo()
    before = (result.folder / "values.bin").stat().st_mtime_ns
    _, again = demo()
    assert (again.folder, (again.folder / "values.bin").stat().st_mtime_ns) == (result.folder, before)
    assert demo(stride=9)[1].folder != result.folder
    other = pickle.loads(pickle.dumps(result))
    assert np.array_equal(other[3], result[3])


PLACES = np.array([[-1, -1], [-1, -1], [0, 2], [3, 8], [9, 11], [-1, -1]])


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([Answer("bomba", 3)], (3, 3)),
        ([Answer("la bomba", 0)], (2, 3)),
        ([Answer("omb", 4)], (3, 3)),
        ([Answer("bomba 10", 3)], (3, 4)),
        ([Answer("bomba 10 y más", 3)], (0, 0)),
        ([Answer("fuera", 30), Answer("10", 9)], (4, 4)),
        ([], (0, 0)),
    ],
)
def test_the_span_of_the_first_answer_that_a_window_holds(answers: list[Answer], expected: tuple[int, int]) -> None:
    assert answer_span(PLACES, answers) == expected


def test_a_window_without_context_has_no_span() -> None:
    assert answer_span(np.full((3, 2), -1), [Answer("x", 0)]) == (0, 0)


def test_questions_that_leave_no_room_are_named(tmp_path: Path) -> None:
    builder = ReadingBuilder()
    context = builder.context("la bomba vibra " * 40, "t")
    builder.ask("short", "¿qué?", context, [("bomba", 3)])
    builder.ask("long", "la bomba vibra " * 20, context, [("bomba", 3)])
    requested = asked_of(builder.reading())
    words = tokenizer("tiny", list(requested.contexts))
    with pytest.raises(RequestError) as caught:
        refuse_long_questions({"train": requested}, words, 48, 8)
    (mistake,) = caught.value.mistakes
    assert "1 questions are so long" in mistake.problem
    assert mistake.problem.endswith(": long")
    assert mistake.key == "data.max_length"
    assert "data.max_length=" in mistake.remedy
    enough = int(mistake.remedy.split("data.max_length=")[1].split(",")[0])
    refuse_long_questions({"train": requested}, words, enough, 8)
    with pytest.raises(ValueError, match="a question leaves no more"):
        words.windows([requested.questions[1].text], [requested.contexts[0]], 48, 8)


class Reads:
    """A tokenizer of words that reads inputs of at most `longest` of them, two of which are special."""

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def room(self, questions: list[str], max_length: int) -> list[int]:
        return [max_length - 2 - len(question.split()) for question in questions]


@pytest.mark.parametrize(
    ("lengths", "stride", "longest", "remedy"),
    [
        ([30, 5], 16, 512, "data.max_length=64, or data.stride=8"),
        ([30, 5], 16, 50, "data.max_length=50, or data.stride=8"),
        ([30, 5], 16, 48, "data.stride=8"),
        ([46, 5], 0, 49, "data.max_length=49"),
        ([60, 59, 5], 8, 48, "shorten these questions or take them out: q0, q1"),
        ([60, 50, 45, 5], 8, 60, "data.max_length=60, and shorten these questions or take them out: q0, q1"),
    ],
)
def test_no_remedy_for_long_questions_fails(lengths: list[int], stride: int, longest: int, remedy: str) -> None:
    builder = ReadingBuilder()
    context = builder.context("la bomba vibra " * 40, "t")
    for number, length in enumerate(lengths):
        builder.ask(f"q{number}", "qué " * length, context, [("bomba", 3)])
    requested, words = asked_of(builder.reading()), Reads(longest)
    with pytest.raises(RequestError) as caught:
        refuse_long_questions({"train": requested}, words, 48, stride)  # type: ignore[arg-type]
    assert caught.value.mistakes[0].remedy == remedy
    steps = re.findall(r"data\.(\w+)=(\d+)(, or )?", remedy) or [("max_length", "48", "")]
    out = remedy.partition("out: ")[2].split(", ")
    left = QuestionSplit(
        requested.contexts, tuple(question for question in requested.questions if question.id not in out)
    )
    for name, value, _ in steps:
        settings = {"max_length": 48, "stride": stride} | {name: int(value)}
        assert settings["max_length"] <= longest
        refuse_long_questions({"train": left}, words, **settings)  # type: ignore[arg-type]


def test_a_question_with_an_unplaced_answer_has_windows_without_one(tmp_path: Path) -> None:
    builder = ReadingBuilder()
    context = builder.context("la bomba vibra " * 40, "t")
    builder.ask("a", "¿qué?", context, [("motor", 3)])
    builder.ask("b", "¿qué?", context, [])
    requested = asked_of(builder.reading())
    result = windows(requested, tokenizer("tiny", list(requested.contexts)), 48, 8, tmp_path, "lost")
    assert set(result.question_of.tolist()) == {0, 1}
    assert not result.spans.any()


def spaced(kind: str, text: str) -> SubwordTokenizer:
    """A tokenizer whose words begin with the space before them, as SentencePiece's and GPT-2's do."""
    core = tokenizers.Tokenizer(models.WordLevel({}, unk_token="<unk>"))
    core.pre_tokenizer = (
        pre_tokenizers.Metaspace() if kind == "metaspace" else pre_tokenizers.ByteLevel(trim_offsets=False)
    )
    known = dict.fromkeys(piece for piece, _ in core.pre_tokenizer.pre_tokenize_str(text))
    core.model = models.WordLevel({name: n for n, name in enumerate(["<unk>", "<pad>", *known])}, unk_token="<unk>")
    core.post_processor = processors.TemplateProcessing(
        single="<pad> $A <pad>", pair="<pad> $A <pad> $B:1 <pad>:1", special_tokens=[("<pad>", 1)]
    )
    return SubwordTokenizer(core, 1, 512)


@pytest.mark.parametrize("kind", ["metaspace", "bytes"])
def test_no_answer_begins_or_ends_with_white_space(kind: str, tmp_path: Path) -> None:
    text = "La bomba  P-101\n\n vibra desde el   martes. "
    core = spaced(kind, text)
    (pieces,) = core.windows(["¿Qué?"], [text], 64, 0)
    assert any(text[start] == " " for start, end in pieces[0].places if start >= 0), "or there is nothing to test"
    builder = ReadingBuilder()
    context = builder.context(text, "t")
    for name, answer in {"a": "bomba", "b": "martes", "c": "vibra desde"}.items():
        builder.ask(name, "¿Qué?", context, [(answer, text.index(answer))])
    requested = asked_of(builder.reading())
    result = windows(requested, core, 64, 0, tmp_path, kind)
    for window in range(len(result)):
        for _, _, start, end in result[window][result[window][:, 2] >= 0]:
            assert text[start:end] == text[start:end].strip() != ""
        accepted = requested.questions[result.question_of[window]].accepted[0]
        assert text_of(result, requested, window).startswith(accepted)


@pytest.mark.parametrize(
    ("text", "places", "expected"),
    [
        ("la bomba", [(-1, -1), (0, 2), (2, 8)], [(-1, -1), (0, 2), (3, 8)]),
        ("la\n\n\t bomba", [(0, 3), (3, 6), (5, 11)], [(0, 2), (-1, -1), (6, 11)]),
        ("la\u3000\u00a0b\U0001f600", [(2, 5), (5, 6), (5, 6)], [(4, 5), (5, 6), (5, 6)]),
        (" a ", [(0, 0), (0, 3), (2, 3), (3, 3)], [(-1, -1), (1, 2), (-1, -1), (-1, -1)]),
    ],
)
def test_places_are_bare_of_white_space(
    text: str, places: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert [tuple(place) for place in without_white_space(np.array(places), text).tolist()] == expected


@pytest.mark.skipif(FAQUAD is None, reason="LAB_FAQUAD names no folder with dataset.json and dev_ids.json")
def test_every_answer_of_faquad_decodes_to_its_text(tmp_path: Path) -> None:
    assert FAQUAD is not None
    requested = asked_of(read_squad(Path(FAQUAD) / "dataset.json", "k"))
    result = windows(requested, tokenizer("minilm", []), 512, 128, tmp_path, "faquad")
    held = np.flatnonzero(result.spans[:, 1])
    widened = set()
    for window in held:
        question = requested.questions[result.question_of[window]]
        text = text_of(result, requested, window)
        if text not in {answer.text for answer in question.answers}:
            widened.add(question.id)
            assert any(answer.text in text and len(text) - len(answer.text) < 8 for answer in question.answers), text
    assert len({result.question_of[window] for window in held}) == 900
    assert not widened, "answers that the file cuts in the middle of a word have another that it does not"
