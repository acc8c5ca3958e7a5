"""The benchmark of truth: cells are run once, scores of a split stay apart, a set says who wins in one sentence."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.truth import reports
from benchmarks.truth.__main__ import opened
from benchmarks.truth.aims import Aim, aims
from benchmarks.truth.aims import table as aims_table
from benchmarks.truth.cells import (
    BAYES,
    CHECK,
    MODELS,
    Cell,
    bayes_line,
    cells,
    finished,
    from_record,
    keep,
    last_words,
    run_cell,
)
from benchmarks.truth.independent import PERSISTENCE, SVC, last_class, scores, text_scores, window_scores
from benchmarks.truth.sets import SETS, DataSet, NotThere
from benchmarks.truth.summary import defaults, overview, standing, summary
from benchmarks.truth.table import BASELINE, CHECKED, MODEL, markdown, rows_of, sentence

DATA = DataSet("toy", "texts", "f1_macro", lambda folder, places: [])
CLOSE = replace(DATA, name="close")


def line(model: str, seed: int, val: float, linear: float = 0.5) -> dict[str, Any]:
    return {
        "data": "toy", "model": model, "seed": seed, "seconds": 10.0,
        "metrics": {"val": {"f1_macro": val, "accuracy": val}, "test": {"f1_macro": 0.1, "accuracy": 0.1}},
        "baselines": {"linear": {"val": {"f1_macro": linear, "accuracy": linear}, "test": {"f1_macro": 0.9}}},
        "calibration": {"val": {"label": {"ece_before": 0.2, "ece_after": 0.1, "brier_before": 0.4,
                                          "brier_after": 0.3}}},
        "trained": model, "rows": 1234, "classes": 7,
    }  # fmt: skip


def check(value: float) -> dict[str, Any]:
    scores = {SVC: {"val": {"f1_macro": value, "accuracy": value}, "test": {"f1_macro": 0.2, "accuracy": 0.2}}}
    return {"data": "toy", "model": CHECK, "seed": 0, "seconds": 3.0, "scores": scores, "rows": 1234, "classes": 7}


def test_finished_cells_are_known_and_half_a_line_is_not(tmp_path: Path) -> None:
    file = tmp_path / "results" / "truth.jsonl"
    assert finished(file) == {}
    keep(file, line("ngram", 1, 0.6))
    with file.open("a") as out:
        out.write('{"data": "toy", "mod')
    assert list(finished(file)) == [Cell("toy", "ngram", 1)]


def test_cells_are_those_of_the_task() -> None:
    made = list(cells(["toy"], "texts", [CHECK, "ngram", "minirocket"], [1, 2]))
    assert made == [Cell("toy", CHECK, 0), Cell("toy", "ngram", 1), Cell("toy", "ngram", 2)]
    assert {data.task for data in SETS} == set(MODELS)
    assert len({data.name for data in SETS}) == len(SETS)


def test_rows_are_means_over_seeds_of_one_split() -> None:
    rows = rows_of(DATA, [line("ngram", 1, 0.6), line("ngram", 2, 0.8), line("tiny", 1, 0.4)], "val")
    assert [(row.name, row.kind) for row in rows] == [("ngram", MODEL), ("linear", BASELINE), ("tiny", MODEL)]
    assert rows[0].score == pytest.approx(0.7)
    assert rows[0].spread == pytest.approx(0.1414, abs=1e-3)
    assert (rows[0].ece, rows[0].brier) == (pytest.approx((0.2, 0.1)), pytest.approx((0.4, 0.3)))
    assert rows_of(DATA, [line("ngram", 1, 0.6)], "test")[0].name == "linear"


@pytest.mark.parametrize(
    ("score", "words"),
    [(0.6, "ngram is above linear"), (0.505, "ngram is no better than linear"), (0.4, "No model reaches linear")],
)
def test_the_sentence_is_honest(score: float, words: str) -> None:
    assert sentence(DATA, rows_of(DATA, [line("ngram", 1, score)], "val")).startswith(words)


def test_test_rows_are_judged_by_the_paired_bootstrap() -> None:
    compared = [
        line("ngram", seed, 0.6)
        | {"baseline_comparison": {"overall": {"verdict": verdict, "accuracy": {"verdict": "below"}}}}
        for seed, verdict in enumerate(("below", "above", "no_better"))
    ]
    row = next(row for row in rows_of(DATA, compared, "test") if row.name == "ngram")
    assert row.verdicts == ("below", "above", "no_better")
    assert standing(row, 0.0) == "no_better"
    assert row.in_accuracy == ("below", "below", "below")
    assert "| 1 below, 1 above, 1 no better | 3 below |" in markdown([DATA], compared, "test")
    assert "| below | below |" in overview([DATA], compared, "test")
    assert standing(row, 0.9) == "below"
    assert "0 / 0 / 1" in summary([DATA], [*compared, line("tiny", 1, 0.5)], "test")
    on_val = row._replace(verdicts=())
    assert [standing(on_val, simple) for simple in (0.0, 0.1, 0.5)] == ["above", "no_better", "below"]


def test_the_overview_has_a_line_a_set_with_what_auto_chose() -> None:
    chosen = line("auto", 1, 0.6) | {"trained": "ngram with model.base=linear"}
    text = overview([DATA], [chosen, line("linear", 1, 0.5)], "val")
    assert "| toy | macro-F1 | linear | 0.500 | auto: ngram with model.base=linear | 0.600 | 1 | above |" in text
    assert "a network on one in 100%" in summary([DATA], [chosen, line("linear", 1, 0.5)], "val")


def test_an_aim_counts_the_sets_that_meet_it_and_names_the_others() -> None:
    close = line("auto", 1, 0.505) | {"data": "close"}
    found = {aim.words.split(":")[0]: aim for aim in aims([DATA, CLOSE], [line("auto", 1, 0.6), close], "val")}
    assert (found["texts"].met, found["texts"].num_sets, found["texts"].missed) == (1, 2, ("close (+0.005)",))
    assert not found["texts"].holds
    assert "| 1 | 2 | no | close (+0.005) |" in aims_table(list(found.values()))
    below = line("auto", 1, 0.6) | {"baseline_comparison": {"overall": {"verdict": "below"}}}
    macro_f1 = aims([DATA], [below], "test")[0]
    assert "significantly" in macro_f1.words
    assert macro_f1.missed == ("toy (below)",)


@pytest.mark.parametrize(("rows", "sets"), [(999, 0), (1000, 1)])
def test_a_calibration_error_is_judged_on_many_rows(rows: int, sets: int) -> None:
    run = line("auto", 1, 0.6) | {"baseline_comparison": {"overall": {"verdict": "above", "rows": rows}}}
    run["calibration"] = {"test": {"label": {"ece_before": 0.2, "ece_after": 0.07}}}
    run["calibration"]["test"]["label"] |= {"brier_before": 0.4, "brier_after": 0.3}
    found = [aim for aim in aims([DATA], [run], "test") if "calibration" in aim.words]
    assert [aim.missed for aim in found] == [("toy (0.070)",)] * sets


def above_in_series(*lines: dict[str, Any]) -> Aim:
    data = DataSet("toy", "series", "mcc", lambda folder, places: [])
    return next(aim for aim in aims([data], lines, "val") if "above" in aim.words)


def test_an_aim_of_two_classes_is_in_auc_where_logistic_regression_has_it() -> None:
    run = line("auto", 1, 0.6) | {"metrics": {"val": {"mcc": 0.1, "accuracy": 0.5, "auc": 0.8}}}
    run["baselines"] = {"persistence": {"val": {"mcc": 0.4, "auc": 0.7}}, "ridge": {"val": {"mcc": 0.9, "auc": 0.9}}}
    assert above_in_series(run).missed == ("toy (MCC -0.300)",)
    logistic = line("logistic_lags", 1, 0.5) | {"metrics": {"val": {"mcc": 0.3, "accuracy": 0.5, "auc": 0.75}}}
    logistic["baselines"] = {}
    aim = above_in_series(run, logistic)
    assert aim.holds
    assert not aim.missed
    assert above_in_series(run | {"trained": "logistic_lags"}, logistic).missed == ("toy (is logistic_lags)",)


def test_a_set_without_a_verdict_is_in_no_count() -> None:
    words = {aim.words for aim in aims([DATA], [line("auto", 1, 0.6)], "test")}
    assert not any("significantly" in each for each in words)
    assert any("significantly" in aim.words for aim in aims([DATA], [line("auto", 1, 0.6) | {
        "baseline_comparison": {"overall": {"verdict": "above"}}}], "test"))  # fmt: skip


def test_a_baseline_shows_its_calibration_where_the_record_has_it() -> None:
    calibrated = line("ngram", 1, 0.6)
    errors = {"val": {"a": {"rows": 5, "ece": 0.02, "brier": 0.5}, "b": {"rows": 5, "ece": 0.04, "brier": 0.3}}}
    calibrated["baselines"]["linear"]["calibration"] = errors
    text = markdown([DATA], [calibrated, line("ngram", 2, 0.6)], "val")
    assert "| *linear* | 0.500 ± 0.000 | +0.000 | 0.500 | 2 |  | 0.030 | 0.400 |" in text


def test_a_failed_cell_is_named_and_not_scored() -> None:
    failed = {"data": "toy", "model": "tiny", "seed": 1, "seconds": 1.0, "failed": "first\nmodel=tiny: too small"}
    text = markdown([DATA], [line("ngram", 1, 0.6), failed], "val")
    assert "tiny did not train: model=tiny: too small" in text
    assert "| ngram | 0.600 | +0.100 | 0.600 | 1 | 10 | 0.200 -> 0.100 | 0.400 -> 0.300 |" in text
    assert "1,234 training rows, 7 classes. ngram is above linear" in text


def test_scikit_learn_alone_stands_beside_the_baselines() -> None:
    rows = rows_of(DATA, [line("ngram", 1, 0.6), check(0.7)], "val")
    assert [(row.name, row.kind) for row in rows] == [(SVC, CHECKED), ("ngram", MODEL), ("linear", BASELINE)]
    assert sentence(DATA, rows).startswith(f"No model reaches {SVC}")


def test_the_summary_has_ranks_margins_and_the_choices_of_auto() -> None:
    auto = line("auto", 1, 0.5) | {"trained": "linear"}
    text = summary([DATA], [line("ngram", 1, 0.6), line("tiny", 1, 0.4), auto], "val")
    assert "| ngram | 1 | 1.0 | +0.100 | 1 / 0 / 0 | 0.100 | 0 of 1 | 10 |" in text
    assert "| tiny | 1 | 3.0 | -0.100 | 0 / 0 / 1 |" in text
    assert "chose a linear model in 100% of 1 runs" in text


def test_a_default_follows_validation_rows_and_never_auto() -> None:
    found = defaults([DATA], [line("ngram", 1, 0.6), line("auto", 1, 0.9), check(0.55)])
    assert [(each["best"], each["best_simple"], each["rows"], each["classes"], each["margin"]) for each in found] == [
        ("ngram", SVC, 1234, 7, 0.05)
    ]


def test_a_line_keeps_the_scores_that_are_compared_and_no_path(tmp_path: Path) -> None:
    values = {"f1_macro": 0.123456, "modo/f1_macro": 0.5, "loss": 1.0}
    record = {
        "metrics": {"train": values, "val": values, "test": values}, "model": {"name": "ngram"},
        "data": {"rows": {"train": 9}, "classes": {"modo": 2, "causa": 3}},
        "baselines": {"majority": {"val": values, "note": "of train"}}, "words": [str(tmp_path)],
    }  # fmt: skip
    kept = from_record(record)
    assert kept["metrics"] == {key: {"f1_macro": 0.1235, "modo/f1_macro": 0.5} for key in ("val", "test")}
    assert kept["baselines"]["majority"]["note"] == "of train"
    assert (kept["rows"], kept["classes"], kept["trained"]) == (9, 3, "ngram")
    assert str(tmp_path) not in json.dumps(kept)
    assert last_words("ERROR\ndata.x=1: no such key\n    try: data.y=1\n") == "data.x=1: no such key"


def test_the_checks_learn_what_is_there() -> None:
    texts = ["the pump leaks", "a motor burns"] * 10
    labels = {"label": np.array([0, 1] * 10), "half": np.array([0, 1] * 5 + [-100] * 10)}
    found = text_scores({"train": texts, "val": texts, "test": texts}, {"train": labels, "val": labels, "test": labels})
    assert found[SVC]["test"] == {"accuracy": 1.0, "f1_macro": 1.0, "mcc": 1.0}
    random = np.random.default_rng(0)
    windows = random.normal(size=(60, 5, 2)).astype(np.float32)
    rising = (windows[:, -1, 0] > 0).astype(np.int64)
    by_split = dict.fromkeys(("train", "val", "test"), windows)
    (scored,) = window_scores(by_split, dict.fromkeys(by_split, rising), "mcc").values()
    assert scored["val"]["accuracy"] > 0.9
    ends, classes = np.arange(20), np.arange(20) // 2 % 2
    guess = last_class(dict.fromkeys(by_split, ends), dict.fromkeys(by_split, classes), 4)[PERSISTENCE]
    assert guess["val"] == scores(classes, np.concatenate([[0] * 4, classes[:16]])) | {}
    assert guess["val"]["accuracy"] == pytest.approx(0.9)


def test_reports_get_their_noise_in_training_and_never_in_test(tmp_path: Path) -> None:
    import pandas as pd

    for noise in (0, 30):
        data = next(each for each in SETS if each.name == f"reports 300, {noise} % wrong labels")
        words = data.prepare(tmp_path, {})
        assert any(word.startswith("data.train=") for word in words)
    parts = {(noise, split): pd.read_csv(tmp_path / f"reports_300_{noise}_{split}.csv")
             for noise in (0, 30) for split in ("train", "test")}  # fmt: skip
    assert len(parts[0, "train"]) == 240
    assert len(parts[0, "test"]) >= 4000
    clean, noisy = (parts[noise, "train"].set_index("text").modo for noise in (0, 30))
    assert clean.index.tolist() == noisy.index.tolist()
    assert 0.15 < (clean.to_numpy() != noisy.to_numpy()).mean() < 0.4
    assert (parts[0, "test"].modo == parts[30, "test"].modo).all()


def test_the_bayes_rule_is_scored_on_the_test_rows_of_the_files(tmp_path: Path) -> None:
    """Its accuracy on the labels of the file: counted from the generator's probabilities in the order of the file."""
    import pandas as pd

    data = next(each for each in SETS if each.name == "reports 300, 30 % wrong labels")
    data.prepare(tmp_path, {})
    assert data.bayes is not None
    found = data.bayes()
    table = pd.read_csv(tmp_path / "reports_300_30_test.csv", keep_default_na=False)
    corpus = reports._corpus(300)
    best: dict[str, list[str]] = {}
    for part in corpus.splits.values():
        texts = [text for batch in part.texts.batches(1000) for text in batch]
        for place, text in enumerate(texts):
            best[text] = [head.classes[part.probabilities[head.name][place].argmax()] for head in corpus.heads]
    for place, head in enumerate(corpus.heads):
        right = np.array([best[text][place] for text in table.text]) == table[head.name]
        assert found[f"{head.name}/accuracy"] == pytest.approx(right[table[head.name] != ""].mean(), abs=0.002)
    assert 0.7 < found["f1_macro"] < 1


def test_the_way_to_the_bayes_rule_is_in_the_table() -> None:
    bound = bayes_line(Cell("toy", BAYES, 0), {"f1_macro": 0.9, "accuracy": 0.9, "loss": 1.0})
    tested = line("ngram", 1, 0.6) | {"metrics": {"test": {"f1_macro": 0.6, "accuracy": 0.6}}}
    tested["baselines"] = {"linear": {"test": {"f1_macro": 0.5, "accuracy": 0.7}}}
    assert bound["scores"] == {"Bayes rule": {"test": {"f1_macro": 0.9, "accuracy": 0.9}}}
    assert "| 0.900 | 25 % |" in overview([DATA], [tested, bound], "test")
    assert "has macro-F1 0.900 and accuracy 0.900; ngram is 25 % and -50 % of the way" in markdown(
        [DATA], [tested, bound], "test"
    )
    assert [row.name for row in rows_of(DATA, [tested, bound], "test")] == ["ngram", "linear"]
    assert "Bayes rule has" not in markdown([DATA], [line("ngram", 1, 0.6), bound], "val")


def test_a_set_that_is_not_there_says_where_it_comes_from(tmp_path: Path) -> None:
    banking = next(data for data in SETS if data.name == "banking77")
    with pytest.raises(NotThere, match="--data banking77=FOLDER"):
        banking.prepare(tmp_path, {})
    with pytest.raises(NotThere, match=r"there is no .*train\.csv"):
        banking.prepare(tmp_path, {"banking77": tmp_path})


def test_opening_the_test_rows_is_a_line_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "LOG.md"
    log.write_text("# Log\n")
    opened(log, [DATA], type("Options", (), {"models": ["ngram"]})())  # type: ignore[arg-type]
    assert log.read_text().endswith(": test scores of benchmarks.truth were opened: toy; models: ngram.\n")


@pytest.mark.slow
def test_a_cell_is_a_run_and_a_wrong_one_a_line(tmp_path: Path) -> None:
    small = ["data.num_rows=300", "trainer.max_epochs=1"]
    found = run_cell(Cell("toy", "ngram", 1), small, ["model=ngram"], 1)
    assert 0 <= found["metrics"]["val"]["f1_macro"] <= 1
    assert found["baselines"]["majority"]["val"]["f1_macro"] > 0
    keep(tmp_path / "truth.jsonl", found)
    assert list(finished(tmp_path / "truth.jsonl")) == [Cell("toy", "ngram", 1)]
    assert "modle" in run_cell(Cell("toy", "ngram", 2), [*small, "modle.x=1"], ["model=ngram"], 1)["failed"]
    checked = run_cell(Cell("toy", CHECK, 0), small[:1], ["model=ngram"], 1)
    assert (checked["rows"], checked["scores"][SVC]["val"]["accuracy"] > 0.2) == (240, True)
