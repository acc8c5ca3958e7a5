"""Next-patch prediction: its error, missing values, learning, checkpoints and refusals."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.batches import SeriesBatch, SeriesSpec
from lab.core.errors import RequestError
from lab.models.series.timer_xl.pretraining import NextPatch, build_pretraining
from lab.training.build.series_model import build_net

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*"
)


@pytest.fixture
def task(small_net: Any, training: Any, spec: Any) -> NextPatch:
    torch.manual_seed(0)
    return build_pretraining(small_net("timer_xl", causal=True, layer_dropout=0.0), spec, training(), fresh=True)


def waves(num_rows: int = 8, length: int = 40) -> SeriesBatch:
    phase = torch.rand(num_rows, 1, 2, generator=torch.Generator().manual_seed(1)) * 6
    values = torch.sin(torch.arange(length)[None, :, None] * 0.5 + phase)
    return SeriesBatch(values, torch.ones_like(values, dtype=torch.bool), {}, torch.arange(num_rows), {})


def test_the_error_is_that_of_the_next_patch_on_the_scale_of_the_data(task: NextPatch) -> None:
    given = waves()
    errors = task.eval()(given)
    from lab.models.series.interfaces import normalised
    from lab.models.series.timer_xl.encoder import patched

    scaled, mean, spread = normalised(given.values, given.observed)
    predicted = task.encoder.forecast(task.encoder(patched(scaled, 8))).flatten(2).transpose(1, 2) * spread + mean
    expected = (predicted[:, :-8] - given.values[:, 8:]).square().mean((1, 2))
    torch.testing.assert_close(errors, expected)


def test_missing_values_are_not_predicted(task: NextPatch) -> None:
    given = waves()
    given.observed[:, 20:24] = False
    given.values = given.values * given.observed
    errors = task.eval()(given)
    given.values[:, 20:24] = 50.0
    changed = given.values * given.observed
    torch.testing.assert_close(task(SeriesBatch(changed, given.observed, {}, given.rows, {})), errors)
    nothing = SeriesBatch(torch.zeros(2, 40, 2), torch.zeros(2, 40, 2, dtype=torch.bool), {}, torch.arange(2), {})
    assert task(nothing).tolist() == [0, 0]


def test_the_task_learns_and_parts_of_a_window_add_up(task: NextPatch, fit: Any) -> None:
    given = waves()
    before = task.eval().loss(given).item()
    halves = []
    for part in (slice(0, 3), slice(3, 8)):
        counts = {"rain": torch.tensor([3, 5])}
        halves.append(SeriesBatch(given.values[part], given.observed[part], {}, given.rows[part], counts))
    torch.testing.assert_close(sum(task.loss(half) for half in halves), task.loss(given))
    fit(task, 30, given)
    assert task.eval().loss(given).item() < before / 3
    assert task.metrics["val"].compute()["loss"] > 0


def test_a_classifier_starts_from_its_checkpoint(task: NextPatch, small_net: Any, tmp_path: Path, spec: Any) -> None:
    torch.save({"state_dict": task.state_dict()}, tmp_path / "best.ckpt")
    net = build_net(small_net("timer_xl", checkpoint=str(tmp_path / "best.ckpt")), spec, load_weights=True)
    fresh = build_net(small_net("timer_xl", checkpoint=str(tmp_path / "best.ckpt")), spec, load_weights=False)
    weights = [built.encoder.embedding.weight for built in (net, fresh)]  # type: ignore[union-attr]
    assert torch.equal(weights[0], task.encoder.embedding.weight)
    assert not torch.equal(weights[1], task.encoder.embedding.weight)


def test_short_windows_and_attention_to_the_future_are_both_refused(small_net: Any, training: Any, spec: Any) -> None:
    with pytest.raises(RequestError) as error:
        build_pretraining(
            small_net("timer_xl", causal=False), SeriesSpec(spec.heads, spec.channels, 15), training(), fresh=True
        )
    assert [mistake.key for mistake in error.value.mistakes] == ["model.patch", "model.causal"]


def test_labels_have_no_effect(task: NextPatch, windows: Any) -> None:
    given = windows()
    loss = task.eval().loss(given)
    given.labels = {}
    torch.testing.assert_close(task.loss(given), loss)


def test_the_error_of_a_window_does_not_depend_on_the_batch(small_net: Any, training: Any, spec: Any) -> None:
    """Position numbers that continue from channel to channel would otherwise differ in a batch of longer windows."""
    torch.manual_seed(0)
    model = small_net("timer_xl", causal=True, layer_dropout=0.0, rope_position="flat")
    task = build_pretraining(model, spec, training(), fresh=True).eval()
    short, beside = waves(1, 24), waves(2, 40)
    values, observed = beside.values.clone(), beside.observed.clone()
    values[0], observed[0] = 0.0, False
    values[0, 16:], observed[0, 16:] = short.values[0], True
    alone = task(short)
    torch.testing.assert_close(task(SeriesBatch(values, observed, {}, beside.rows, {}))[:1], alone)
