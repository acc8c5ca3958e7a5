"""Rows for a person and rows unlike training: a column each, counts at the end, refusals before a row is predicted."""

import random
import shutil
import string
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from lab.config.check import check_predict
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.inference.doubt.columns import DoubtingPredictor, Doubts, refuse_repeated, requested_doubts
from lab.inference.predict import Done
from lab.inference.predictor import Field
from lab.inference.texts import TextPredictor
from lab.training.tasks.saved_model import load_run
from lab.training.tasks.select import load_data

from ..conftest import CONF, predictor_of_run, read_csv, text_rows, write_csv, write_weather

PredictWith = Callable[..., Done]
Trained = Callable[[str], Path]


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "new.csv", [("title", "text"), *(row[:2] for row in text_rows(20)), ("", "")])


def test_rows_below_the_probability_are_marked_for_a_person(
    predict_with: PredictWith, new: Path, tmp_path: Path
) -> None:
    predict_with("ngram", input=new, output=tmp_path / "plain.csv")
    plain = read_csv(tmp_path / "plain.csv")[:-1]
    limit = sorted(float(row["state_probability"]) for row in plain)[10]
    done = predict_with("ngram", input=new, abstain_below=limit)
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0])[-2:] == ["cause_abstain", "state_abstain"]
    assert rows[-1]["state_abstain"] == "", "a row without a prediction is in the side file"
    marked = {head: [row[f"{head}_abstain"] == "true" for row in rows[:-1]] for head in ("cause", "state")}
    for head, column in marked.items():
        assert column == [float(row[f"{head}_probability"]) < limit for row in plain]
    assert sum(marked["state"]) == 10
    num = sum(map(any, zip(*marked.values(), strict=True)))
    counts = f"cause {sum(marked['cause'])}, state 10"
    assert f"{num} of 40 rows are for a person: a probability below {limit:g} ({counts})" in done.lines
    assert [{name: row[name] for name in plain[0]} for row in rows[:-1]] == plain, "the predictions stay"


@pytest.mark.parametrize("name", ["series", "questions"])
def test_windows_and_answers_are_marked_too(predict_with: PredictWith, tmp_path: Path, name: str) -> None:
    questions = [("question", "context"), *((f"Where {n}?", f"On day {n} the pump was here.") for n in range(5))]
    file = tmp_path / "in.csv"
    write_weather(file, hours=60) if name == "series" else write_csv(file, questions)
    done = predict_with(name, input=file, abstain_below=1.0, output=tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    column = next(each for each in table.column_names if each.endswith("_abstain"))
    assert str(table.schema.field(column).type) == "bool"
    said = f"{sum(table[column].to_pylist())} of {table.num_rows} rows are for a person"
    assert any(line.startswith(said) for line in done.lines)


@pytest.mark.parametrize("value", [0, 1.5, -0.1, "high"])
def test_a_limit_that_is_no_probability_is_refused(
    predict_with: PredictWith, new: Path, tmp_path: Path, value: object
) -> None:
    with pytest.raises(RequestError, match="abstain_below"):
        predict_with("ngram", input=new, abstain_below=value)
    assert not (tmp_path / "out.csv").exists()


def test_a_model_without_probabilities_cannot_abstain(tmp_path: Path) -> None:
    own = yaml.safe_load((CONF / "predict.yaml").read_text())
    own = {key: value for key, value in own.items() if key not in ("defaults", "hydra")}
    request = check_predict(own | {"run": str(tmp_path), "input": "new.csv", "abstain_below": 0.7})
    with pytest.raises(RequestError, match="gives no probabilities"):
        requested_doubts(request, RunFolder(tmp_path), ())
    assert requested_doubts(request, RunFolder(tmp_path), ("cause",)) == Doubts(0.7, None)


@pytest.mark.parametrize("name", ["ngram", "encoder"])
def test_garbage_is_flagged_far_more_often_than_texts_like_those_of_training(
    predict_with: PredictWith, new: Path, tmp_path: Path, name: str
) -> None:
    done = predict_with(name, input=new, novelty=True)
    like = [bool(row["unlike_training"]) for row in read_csv(tmp_path / "out.csv")[:-1]]
    assert f"{sum(like)} of 40 rows are unlike the training rows: unlike_training has the reason" in done.lines
    draw = random.Random(0)
    words = ["".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(200)]
    texts = [("", " ".join(draw.choices(words, k=6))) for _ in range(40)]
    odd_file = write_csv(tmp_path / "odd.csv", [("title", "text"), *texts])
    predict_with(name, input=odd_file, output=tmp_path / "odd.out.csv", novelty=True)
    odd = [row["unlike_training"] for row in read_csv(tmp_path / "odd.out.csv")]
    assert sum(like) <= 8
    assert sum(map(bool, odd)) >= 36
    assert all("limit" in reason for reason in odd if reason)


def test_weather_of_another_planet_is_flagged(predict_with: PredictWith, tmp_path: Path) -> None:
    file = write_weather(tmp_path / "weather.csv", hours=100)
    predict_with("series", input=file, novelty=True)
    like = [bool(row["unlike_training"]) for row in read_csv(tmp_path / "out.csv")]
    header, *rows = [line.split(",") for line in file.read_text().splitlines()]
    place = header.index("temperature")
    hot = [header, *([*row[:place], str(float(row[place]) + 200), *row[place + 1 :]] for row in rows)]
    predict_with("series", input=write_csv(tmp_path / "hot.csv", hot), output=tmp_path / "hot.out.csv", novelty=True)
    odd = [row["unlike_training"] for row in read_csv(tmp_path / "hot.out.csv")]
    assert sum(like) <= len(like) * 0.1
    assert all("outside the range of the training values" in reason for reason in odd)


def test_questions_of_another_kind_are_flagged_and_those_of_validation_are_not(
    predict_with: PredictWith, trained: Trained, tmp_path: Path
) -> None:
    """Validation questions are so few that none is beyond a limit, if the fit and the prediction measure the same; one
    may be by rounding, since its batch is another."""
    run = RunFolder(trained("questions"))
    part = load_data(load_run(run.path)[0], run, False, fresh=False).corpus.splits["val"]
    pairs = [(question.text, part.contexts[question.context]) for question in part.questions]
    file = write_csv(tmp_path / "known.csv", [("question", "context"), *pairs])
    predict_with("questions", input=file, novelty=True)
    assert len([row for row in read_csv(tmp_path / "out.csv") if row["unlike_training"]]) <= 1
    draw = random.Random(0)
    words = ["".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(50)]
    odd_pairs = [(" ".join(draw.choices(words, k=2)), " ".join(draw.choices(words, k=30))) for _ in range(20)]
    predict_with("questions", input=write_csv(tmp_path / "odd.csv", [("question", "context"), *odd_pairs]),
          output=tmp_path / "odd.out.csv", novelty=True)  # fmt: skip
    odd = [row["unlike_training"] for row in read_csv(tmp_path / "odd.out.csv")]
    assert sum(map(bool, odd)) == 20
    assert "tokens are new or rare in the training texts" in odd[0]


def test_a_run_without_limits_is_refused_with_a_remedy(
    predict_with: PredictWith, trained: Trained, new: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained("ngram"), tmp_path / "run"))
    content = RunFolder(run).read_calibration()
    assert content is not None
    RunFolder(run).write_calibration(content | {"novelty": None})
    with pytest.raises(RequestError, match="has no limits of novelty") as raised:
        predict_with("ngram", run=run, input=new, novelty=True)
    assert "novelty=false" in str(raised.value)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("name", "settings", "remedy"),
    [
        ("cause_abstain", {"abstain_below": 0.7}, "abstain_below=null"),
        ("unlike_training", {"novelty": True}, "novelty=false"),
        ("cause_attributions", {"explain": True}, "explain=false"),
        ("cause_2_probability", {"top_k": 2}, "top_k=1"),
        ("cause_probability", {}, "another name of the label"),
    ],
)
def test_two_columns_of_one_name_are_refused(name: str, settings: dict[str, object], remedy: str) -> None:
    own = yaml.safe_load((CONF / "predict.yaml").read_text())
    own = {key: value for key, value in own.items() if key not in ("defaults", "hydra")}
    request = check_predict(own | {"run": "run", "input": "new.csv"} | settings)
    with pytest.raises(RequestError, match=name) as caught:
        refuse_repeated(["cause", name, "cause_x", name], request)
    (mistake,) = caught.value.mistakes
    assert mistake.remedy.startswith(remedy)
    refuse_repeated(["cause", name], request)


def test_a_prediction_with_two_columns_of_one_name_writes_nothing(
    predict_with: PredictWith, new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = TextPredictor.__init__

    def renamed(self: TextPredictor, *values: object, **others: object) -> None:
        made(self, *values, **others)  # type: ignore[arg-type]
        self.fields = (*self.fields[:-2], Field("cause_abstain", "text"), self.fields[-1])
        self.best = ("cause",)

    monkeypatch.setattr(TextPredictor, "__init__", renamed)
    with pytest.raises(RequestError, match=r"abstain_below.*cause_abstain"):
        predict_with("ngram", input=new, abstain_below=0.7)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_pieces_are_those_of_the_wrapped_predictor(trained: Trained) -> None:
    inner = predictor_of_run(trained("ngram"))
    inner.piece_rows = 128
    assert DoubtingPredictor(inner, (), Doubts(0.5, None)).piece_rows == 128
