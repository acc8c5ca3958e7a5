"""The comparison with the best baseline in a record: its fields are checked, its sentences say how the run stands."""

from typing import Any

from lab.core.record.baseline_comparison import head_comparisons, overall, sentences, standing
from lab.core.record.fields import faults


def part(difference: float, verdict: str, **others: Any) -> dict[str, Any]:
    numbers = {"own": 0.5 + difference, "other": 0.5, "difference": difference}
    interval = [difference - 0.02, difference + 0.02]
    texts = {"baseline": "linear", "chosen_on": "val", "metric": "f1_macro", "verdict": verdict}
    return {**numbers, **texts, "interval": interval, "rows": 1640, "resamples": 2000} | others


def field(whole: dict[str, Any], **heads: dict[str, Any]) -> dict[str, Any]:
    return {"confidence": 0.95, "overall": whole, "heads": heads}


def test_a_record_is_read_back_and_an_older_one_has_none() -> None:
    compared = field(part(0.1, "above"), causa=part(0.1, "above"))
    record = {"schema_version": 1, "status": "completed", "baseline_comparison": compared}
    assert list(faults(record)) == []
    assert overall(record) == compared["overall"]
    assert head_comparisons(record) == compared["heads"]
    assert overall({}) is None
    assert head_comparisons({"baseline_comparison": None}) == {}


def test_damage_is_named() -> None:
    wrong = part(0.1, "good", interval=[0.1], rows=-1, chosen_on="train")
    del wrong["own"]
    record = {"schema_version": 1, "status": "completed", "baseline_comparison": field(wrong, causa=3)}
    assert list(faults(record)) == [
        "baseline_comparison.overall.rows is not a whole number from 0 on",
        "baseline_comparison.overall has no own",
        "baseline_comparison.overall.interval is not a pair",
        "baseline_comparison.overall.verdict is not one of above, no_better, below",
        "baseline_comparison.overall.chosen_on is not one of val, test",
        "baseline_comparison.heads.causa is not a mapping",
    ]


def accuracy(verdict: str, difference: float = -0.02) -> dict[str, Any]:
    interval = [difference - 0.01, difference + 0.01]
    return {"own": 0.8, "other": 0.8 - difference, "difference": difference, "interval": interval, "verdict": verdict}


def test_damage_of_the_comparison_in_accuracy_is_named() -> None:
    wrong = accuracy("good") | {"interval": [0.1]}
    del wrong["own"]
    compared = field(part(0.1, "above", accuracy=wrong), causa=part(0.1, "above", accuracy=None))
    assert list(faults({"schema_version": 1, "status": "completed", "baseline_comparison": compared})) == [
        "baseline_comparison.overall.accuracy has no own",
        "baseline_comparison.overall.accuracy.interval is not a pair",
        "baseline_comparison.overall.accuracy.verdict is not one of above, no_better, below",
    ]


def test_parts_that_are_below_in_accuracy_alone_share_a_sentence() -> None:
    mean, causa = part(0.05, "above", accuracy=accuracy("below")), part(0.04, "above", accuracy=accuracy("below"))
    agreeing = part(-0.1, "below", accuracy=accuracy("below"))
    *_, last = sentences(field(mean, causa=causa, modo=part(0.1, "above", accuracy=accuracy("no_better"))))
    assert last == (
        "Below its baseline in accuracy, though not in macro-F1: mean of heads .800 against .820 of linear, difference "
        "-.020 [-.030, -.010]; causa .800 against .820 of linear, difference -.020 [-.030, -.010]."
    )
    (_, alone) = sentences(field(mean, causa=mean))
    assert alone.startswith("Below its baseline in accuracy, though not in macro-F1: .800 against .820 of linear, ")
    assert len(sentences(field(agreeing, causa=agreeing))) == 1


def test_each_head_that_is_not_above_has_a_sentence() -> None:
    mean, modo = part(0.05, "above"), part(0.1, "above")
    causa, prioridad = part(-0.017, "no_better"), part(-0.1, "below", chosen_on="test", metric="mcc", rows=1)
    assert sentences(field(mean, modo=modo, causa=causa, prioridad=prioridad)) == [
        "causa: no better than linear: macro-F1 .483 against .500, difference -.017 [-.037, +.003] "
        "(95 % interval, 1,640 test rows).",
        "prioridad: below linear: MCC .400 against .500, difference -.100 [-.120, -.080] "
        "(95 % interval, 1 test row; the baseline was chosen on test).",
    ]


def test_a_run_that_is_above_everywhere_has_one_line_with_the_smallest_margin() -> None:
    mean, modo = part(0.07, "above"), part(0.1, "above", baseline="logistic_lags")
    assert sentences(field(mean, modo=modo, causa=part(0.04, "above"))) == [
        "Above the best baseline everywhere; the smallest margin is that of causa, above linear: macro-F1 .540 against "
        ".500, difference +.040 [+.020, +.060] (95 % interval, 1,640 test rows)."
    ]
    (line,) = sentences(field(modo, modo=modo))
    assert line.startswith("Above logistic lags: macro-F1 .600 against .500")


def test_questions_are_judged_by_both_grades() -> None:
    f1, em = part(0.3, "above", metric="f1"), part(0.01, "no_better", metric="em")
    (line,) = sentences(field(f1, f1=f1, em=em))
    assert line.startswith("exact match: no better than linear: exact match .510")


def test_numbers_of_one_and_more_keep_their_digits() -> None:
    assert "accuracy 1.000 against .000" in standing(part(0.5, "above", own=1.0, other=0.0, metric="accuracy"))


def test_a_run_that_has_no_other_simple_model_beside_it_says_so() -> None:
    alone = part(0.7, "above", baseline="majority")
    (line,) = sentences(field(alone, causa=alone))
    assert line.startswith("Compared with the most frequent class alone, since no other simple model was fitted: above")
