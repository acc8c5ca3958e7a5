"""A rule of decision: it finds rare classes where that pays on rows that it was not fitted to, and stays out else."""

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from lab.core.batches import MISSING, HeadSpec
from lab.core.record.calibration_fields import calibration_faults
from lab.core.record.run_folder import RunFolder
from lab.models.calibration import ClassRows
from lab.models.metrics import class_counts, scores
from lab.training.doubt.calibrate import fitted
from lab.training.doubt.decide import FEWEST, Deciding, deciding, decision_lines, fit_decision, prior_offsets
from lab.training.evaluate import retest
from lab.training.train import train

from .conftest import config_of

RARE = (9500, 500)


def rows(num: int, seed: int, share: float = 0.05, signal: float = 1.4) -> ClassRows:
    """Calibrated log-odds of two classes, of which the second has a share of the rows."""
    random = np.random.default_rng(seed)
    labels = (random.random(num) < share).astype(np.int64)
    evidence = signal * (labels - 0.5) * signal + signal * random.normal(size=num)
    odds = evidence + np.log(share / (1 - share))
    return ClassRows(np.stack([np.zeros(num), odds], 1), labels)


def score(head: ClassRows, metric: str, offsets: tuple[float, ...] | None) -> float:
    chosen = ClassRows(head.scores, head.labels, None if offsets is None else np.array(offsets)).chosen()
    return scores(class_counts(torch.from_numpy(chosen), torch.from_numpy(head.labels), 2))[metric]


@pytest.mark.parametrize("metric", ["f1_macro", "mcc"])
def test_a_rare_class_is_found_on_other_rows(metric: str) -> None:
    rule = fit_decision(rows(20_000, 0), 1.0, RARE, metric)
    assert rule is not None
    assert rule.offsets is not None
    assert rule.reason is None
    assert 0.2 <= rule.tau <= 0.9
    assert rule.rows == 20_000
    assert rule.interval[0] > 0
    assert rule.cross_fitted > rule.argmax
    unseen = rows(20_000, 1)
    assert score(unseen, metric, rule.offsets) > score(unseen, metric, None) + 0.02


@pytest.mark.parametrize(
    ("head", "counts", "reason"),
    [
        (rows(2000, 0, share=0.5), (500, 500), "not above one standard error"),  # nothing is rare
        (rows(FEWEST - 1, 0), RARE, f"fewer than {FEWEST} validation rows have a label: {FEWEST - 1}"),
        (ClassRows(np.random.default_rng(0).normal(size=(2000, 2)), rows(2000, 0).labels), (5, 5), "standard error"),
        (ClassRows(np.zeros((50, 1)), np.zeros(50, np.int64)), (50,), "have a label: 50"),
        (ClassRows(np.zeros((1, 2)), np.zeros(1, np.int64)), RARE, "have a label: 1"),
    ],
)
def test_the_most_probable_class_stays_where_nothing_is_gained(
    head: ClassRows, counts: tuple[int, ...], reason: str
) -> None:
    rule = fit_decision(head, 1.0, counts, "f1_macro")
    assert rule is not None
    assert (rule.tau, rule.offsets) == (0.0, None)
    assert rule.reason is not None
    assert reason in rule.reason
    assert decision_lines({"heads": {"rain": rule.fields()}}) == []


def test_rows_without_a_label_do_not_count() -> None:
    known = rows(4000, 0)
    more = ClassRows(np.repeat(known.scores, 2, axis=0), np.repeat(known.labels, 2))
    more.labels[1::2] = MISSING
    assert fit_decision(more, 1.0, RARE, "mcc") == fit_decision(known, 1.0, RARE, "mcc")
    assert fit_decision(ClassRows(known.scores, np.full(4000, MISSING)), 1.0, RARE, "mcc") is None


def test_offsets_are_larger_for_rarer_classes() -> None:
    offsets = prior_offsets((90, 9, 1, 0), 0.5)
    assert offsets.tolist() == pytest.approx((-0.5 * np.log(np.array([90, 9, 1, 1]) / 101)).tolist())
    assert not prior_offsets((90, 10), 0.0).any()


@pytest.mark.parametrize(
    ("decision", "objective", "metric"),
    [
        ("auto", "val/accuracy", None),
        ("auto", "val/loss", None),
        ("argmax", "val/f1_macro", None),
        ("auto", "val/f1_macro", "f1_macro"),
        ("auto", "val/rain/mcc", "mcc"),
    ],
)
def test_macro_f1_and_mcc_have_a_rule(decision: str, objective: str, metric: str | None) -> None:
    config: Any = SimpleNamespace(
        evaluation=SimpleNamespace(decision=decision), objective=SimpleNamespace(metric=objective)
    )
    head = HeadSpec("rain", ("no", "yes"), RARE)
    assert deciding(config, (head,)) == (None if metric is None else Deciding(metric, {"rain": RARE}))
    assert deciding(config, ()) is None


def test_coverage_is_of_the_chosen_class_and_calibration_of_the_probabilities() -> None:
    splits = {"val": {"rain": rows(20_000, 0)}, "test": {"rain": rows(4000, 1)}}
    plain, decided = fitted(splits), fitted(splits, Deciding("mcc", {"rain": RARE}))
    assert list(calibration_faults({**vars(decided), "decisions": decided.decisions})) == []
    assert decided.scores == plain.scores
    assert decided.reliability == plain.reliability
    curves = [each.coverage["test"]["rain"][-1] for each in (plain, decided)]
    assert curves[0][0] >= 0.5 > curves[1][0] + 0.01, "a class is chosen that is not the most probable one"
    assert curves[0][2] > curves[1][2], "what macro-F1 and MCC gain costs accuracy"


SETTINGS = ("loss.logit_adjustment=0", "trainer.max_epochs=3", "data.leaks.action=off", "data.split.val=0.4")


def imbalanced(num: int = 1800) -> list[tuple[str, str]]:
    """Texts of which a word makes a rare class likely, but never the most probable one."""
    random = np.random.default_rng(0)
    damp = random.random(num) < 0.2
    rare = random.random(num) < np.where(damp, 0.3, 0.005)
    return [(f"{'damp' if wet else 'dry'} {place:05}", "rain" if hit else "sun")
            for place, (wet, hit) in enumerate(zip(damp, rare, strict=True))]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("rare"))


def trained(place: Path, *more: str) -> RunFolder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(config_of(place, *SETTINGS, *more, rows=imbalanced()), place / "run", "python train.py")
    return RunFolder(place / "run")


def test_a_run_records_both_scores_and_decides_test_rows(run: RunFolder) -> None:
    record, content = run.read(), run.read_calibration()
    assert content is not None
    rule = content["decisions"]["cause"]
    assert record["decision"]["heads"]["cause"] == {name: each for name, each in rule.items() if name != "offsets"}
    assert rule["tau"] > 0
    assert len(rule["offsets"]) == 2
    both = record["decision"]["scores"]["test"]
    assert record["metrics"]["test"]["f1_macro"] == pytest.approx(both["chosen"]["f1_macro"])
    assert both["argmax"]["f1_macro"] < both["chosen"]["f1_macro"]
    assert record["metrics"]["val"]["f1_macro"] == pytest.approx(record["objective"]["value"])
    assert record["decision"]["scores"]["val"]["argmax"]["f1_macro"] == pytest.approx(record["objective"]["value"])
    rows = pq.read_table(run.predictions).to_pylist()
    assert any(row["cause_predicted"] == "rain" and row["cause_probability"] < 0.5 for row in rows)


def test_the_scores_of_a_second_test_are_the_recorded_ones(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    config = config_of(run.path.parent, *SETTINGS, rows=imbalanced())
    with caplog.at_level("INFO"):
        metrics = retest(config, run.path)
    assert metrics["f1_macro"] == pytest.approx(run.read()["metrics"]["test"]["f1_macro"])
    assert any("largest difference from the recorded test scores: 0.0e+00" in line for line in caplog.messages)


def test_argmax_is_obeyed(tmp_path: Path) -> None:
    run = trained(tmp_path, "evaluation.decision=argmax")
    content = run.read_calibration()
    assert content is not None
    assert content["decisions"] == {}
    assert run.read()["decision"] is None
    rows = pq.read_table(run.predictions).to_pylist()
    assert min(row["cause_probability"] for row in rows) >= 0.5


def test_the_line_of_a_rule_has_the_scores_of_test_rows_too() -> None:
    heads = {"rain": {"tau": 0.5, "metric": "f1_macro", "argmax": 0.875, "cross_fitted": 0.923}}
    scores = {"test": {"chosen": {"rain/f1_macro": 0.895}, "argmax": {"rain/f1_macro": 0.9}}}
    (line,) = decision_lines({"heads": heads, "scores": scores})
    assert line.endswith("f1_macro .923 instead of .875 on validation rows; on test rows .895 instead of .900")
