"""The baselines of a run that has ended: measured once and recorded, then read from the record.

The end of the run is recorded before, so that no baseline can lose it.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from lab.config.schema import Config
from lab.config.validation_rows import validates_by_leave_one_out
from lab.core.processes.background import Background
from lab.core.record.baseline_comparison import FIELD
from lab.core.record.baselines import baseline_notes, baseline_scores
from lab.core.record.run_folder import RunFolder
from lab.training import post_processing
from lab.training.baselines.base import SPLITS, Baseline, SplitRows, from_record, recorded
from lab.training.baselines.comparison import baseline_comparison
from lab.training.baselines.fitted import MAX_WAIT, SimpleModel, fitted_baseline
from lab.training.baselines.scoring import decided
from lab.training.baselines.stored import Patience
from lab.training.build.trainer import is_trained_on_val
from lab.training.doubt.decide import deciding
from lab.training.evaluation.base import EvaluationResult
from lab.training.refit.plan import is_refitted
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
REFITTED = "fitted without the validation rows, which the refit has seen (data.split.refit)"
ResultT = TypeVar("ResultT", bound=EvaluationResult)


def add_baselines(
    run: RunFolder, config: Config, material: Material, result: ResultT, beside: Background | None = None
) -> ResultT:
    """Return the result with the baselines of the run, which are measured and recorded if they are pending.

    beside: what fits them already, if anything does.
    """
    record = run.read()
    if post_processing.BASELINES not in (record.get("pending") or []):
        by_split = {split: baseline_scores(record, split) for split in SPLITS}
        names = dict.fromkeys(name for scores in by_split.values() for name in scores)
        known = {name: {split: each[name] for split, each in by_split.items() if name in each} for name in names}
        return replace(result, baselines=from_record(known, baseline_notes(record)), comparison=record.get(FIELD))
    start = time.monotonic()
    most_s = config.baselines.max_wait_s
    patience = Patience() if most_s is None else Patience(most_s)
    gap = None if beside is None else _awaited(beside, patience)
    baselines = measured(config, material, record.get("decision") is not None, gap, patience)
    blocks = material.task.time_blocks(material.data, "test", material.scored_rows["test"]) if baselines else None
    comparison = baseline_comparison(config, result, baselines, blocks)
    took = time.monotonic() - start
    log.info("baselines in %.1f s: %s", took, ", ".join(each.name for each in baselines) or "none")
    timing = record.get("timing_s") or {}
    spent = {"baselines": took} | ({"total": timing["total"] + took} if "total" in timing else {})
    try:
        run.update(baselines=recorded(baselines), timing_s=timing | spent, **{FIELD: comparison})
    except OSError as error:  # a full disk does not fail a finished run: the step stays pending
        log.warning("run.json has no baselines: %s", error)
        return replace(result, baselines=baselines, comparison=comparison)
    post_processing.mark_done(run, post_processing.BASELINES)
    return replace(result, baselines=baselines, comparison=comparison)


def _awaited(beside: Background, patience: Patience) -> str | None:
    """Wait for what is fitted beside the training. Return why the rest is not fitted; None where there was time
    enough."""
    if not beside.is_running:
        return None
    log.info("waiting for the baselines, which are fitted beside the training")
    try:
        with patience.waiting():
            beside.wait(most_s=patience.left_s)
    except TimeoutError:
        return f"not fitted {patience.most_s:g} s after the test ({MAX_WAIT})"
    return None


def measured(
    config: Config,
    material: Material,
    decides: bool = True,
    gap: str | None = None,
    patience: Patience | None = None,
) -> tuple[Baseline, ...]:
    """The baselines on the rows that a validation and the test read. decides, gap, patience: as in `fitted`."""
    for stage in ("validate", "test"):
        material.task.setup(material.data, stage)
    task, data, rows = material.task, material.data, material.scored_rows
    if not rows:
        return ()
    known = task.baselines(data, rows)
    return (*known, *(fitted(config, material, rows, decides, gap, patience) if config.baselines.enabled else ()))


def fitted(
    config: Config,
    material: Material,
    rows: SplitRows,
    decides: bool = True,
    gap: str | None = None,
    patience: Patience | None = None,
) -> Iterator[Baseline]:
    """Yield the baselines that are fitted to the training rows, from the cache where it has them.

    decides: whether they may have decision rules; a run of a version without them is compared by probabilities alone.
    gap: why those that the cache does not have are left out; None: they are fitted. patience: how long to wait for
    other runs that fit them.
    """
    heads = getattr(material.spec, "heads", ())
    blocks = material.task.time_blocks(material.data, "val", rows["val"]) if "val" in rows else None
    rules = deciding(config, heads, blocks) if decides else None
    for model, fingerprint, scored in simple_models(config, material, rows):
        obtained = fitted_baseline(model, fingerprint, scored, config.cache, gap, patience)
        baseline = decided(obtained, rules, heads)
        if baseline.scores and is_refitted(config):
            known = REFITTED if baseline.note is None else f"{baseline.note}; {REFITTED}"
            baseline = replace(baseline, note=known)
        yield baseline


def simple_models(config: Config, material: Material, rows: SplitRows) -> Iterator[tuple[SimpleModel, str, SplitRows]]:
    """Yield what is to be fitted, the fingerprint of the data, and the rows that are scored.

    rows: those that a validation and the test read.
    """
    if is_trained_on_val(config) or validates_by_leave_one_out(config):  # no row of validation is held out from a fit
        rows = {split: kept for split, kept in rows.items() if split != "val"}
    fingerprint = material.task.fingerprint(config, material.data)
    for model in material.task.simple_models(config, material.model, material.data, rows):
        if model.name != config.model.kind:  # else the run is this model
            yield model, fingerprint, rows
