"""Whole runs with `cache.hidden_states`: scores equal to runs without it, sharing, resume, a second test, refusals."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lab.core import locks
from lab.core.errors import RequestError
from lab.core.openmp import SHARED
from lab.core.record.run_folder import RunFolder
from lab.training import hidden_state_cache

SETTINGS = [
    "data.num_rows=200", "data.batch_size=8", "trainer.max_epochs=2", "logger=csv", "callbacks.curves.png=false",
    "trainer.threads=1", "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64",
    "model.architecture.num_hidden_layers=3", "model.vocabulary_size=400", "callbacks.freeze.layers=2",
    "callbacks.checkpoint.every_n_steps=7",
]  # fmt: skip
KEPT = "cache.hidden_states=true"
CHANGES = {
    "frozen": [],
    "unfreezing": ["callbacks.freeze.schedule={0:2,1:1}", "trainer.accumulate_grad_batches=2"],
    "pooled": ["callbacks.freeze.layers=3", "optimizer.lr=0.01"],
}
DEPTHS = {"frozen": 2, "unfreezing": 1, "pooled": 3}


def trained(warm: Any, folder: Path, *changes: str, kill_at: int | None = None) -> RunFolder:
    """A run whose cache is beside its folder."""
    status = warm.run(folder, [*SETTINGS, f"cache.dir={folder.parent / 'cache'}", *changes], kill_at=kill_at)
    assert status == (0 if kill_at is None else 9)
    return RunFolder(folder)


@pytest.fixture(scope="module", params=CHANGES)
def kept(warm: Any, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> RunFolder:
    return trained(warm, tmp_path_factory.mktemp(request.param) / "kept", KEPT, *CHANGES[request.param])


def changes_of(run: RunFolder) -> list[str]:
    return next(CHANGES[name] for name, depth in DEPTHS.items() if run.read()["cache"]["layers"] == depth)


def val_scores(run: RunFolder) -> list[dict[str, float]]:
    return [{name: row[name] for name in row if name.startswith("val/")} for row in run.history()]


def largest_difference(first: RunFolder, second: RunFolder) -> float:
    pairs = zip(val_scores(first), val_scores(second), strict=True)
    return max(abs(a[name] - b[name]) for a, b in pairs for name in a)


def test_scores_are_those_of_a_run_without_it(warm: Any, kept: RunFolder, tmp_path: Path) -> None:
    plain = trained(warm, tmp_path / "plain", *changes_of(kept))
    assert largest_difference(plain, kept) < 1e-5
    scores = [run.read()["metrics"]["test"] for run in (plain, kept)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert plain.read()["cache"] == {}
    cache = kept.read()["cache"]
    assert (cache["dtype"], cache["hits"]) == ("fp32", 0)
    assert 0 < cache["entries"] <= 200


class TokenLists(list[Any]):
    """Tokens of some texts."""

    lengths = np.array([2, 5, 3])


class ThreeTexts:
    """Rows of 2, 5 and 3 tokens."""

    pad_id = 0
    tokens = TokenLists(np.arange(length) for length in TokenLists.lengths)

    def __len__(self) -> int:
        return 3


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_progress_counts_tokens_also_where_a_text_has_one_vector(
    pooling: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def states(*_: object) -> Any:
        yield np.array([1, 0]), torch.zeros(2 if pooling else 7, 4)
        yield np.array([2]), torch.zeros(1 if pooling else 3, 4)

    logged: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        hidden_state_cache, "_progress", lambda *total: logged.append(total) or (lambda *more: logged.append(more))
    )
    prefix: Any = SimpleNamespace(states=states, pooling=pooling, width=4, fingerprint=lambda: "key")
    source = hidden_state_cache._of_texts(prefix, [ThreeTexts()])  # type: ignore[list-item]
    assert source.lengths.tolist() == ([1, 1, 1] if pooling else [2, 5, 3])
    assert len(list(source.make(np.arange(3)))) == 2
    assert logged == [(3, 10), (2, 7), (1, 3)]


@pytest.mark.parametrize(("shared", "limit", "used"), [("4", None, 4), ("4", 1, 1), (None, None, 1)])
def test_states_are_computed_on_all_cores_that_the_slots_of_a_sweep_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: str | None, limit: int | None, used: int
) -> None:
    (tmp_path / "states").mkdir()
    monkeypatch.delenv(SHARED, raising=False)
    if shared is not None:
        monkeypatch.setenv(SHARED, shared)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with hidden_state_cache._shared_cores(tmp_path, limit):
            assert torch.get_num_threads() == used
            with hidden_state_cache._shared_cores(tmp_path, limit):
                assert torch.get_num_threads() == used, "the same number when nested"
        torch.set_num_threads(1)
        with locks.exclusive(tmp_path / "states" / ".cores.lock"), hidden_state_cache._shared_cores(tmp_path, limit):
            assert torch.get_num_threads() == 1, "one trial at a time"
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_full_disk_is_refused_and_a_limit_that_will_be_exceeded_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = SimpleNamespace(free=2**29)
    monkeypatch.setattr(hidden_state_cache.shutil, "disk_usage", lambda _: free)
    with pytest.raises(RequestError, match=r"cache\.dir: the states take 0\.60 GiB, and .* has 0\.50 GiB free"):
        hidden_state_cache._make_room(tmp_path, 0.6, 20)
    (tmp_path / "states" / "k-used").mkdir(parents=True)
    (tmp_path / "states" / "k-used" / "values.bin").write_bytes(bytes(2**20))  # just written, so it counts as in use
    hidden_state_cache._make_room(tmp_path, 0.4, 0.41)
    assert not caplog.records
    hidden_state_cache._make_room(tmp_path, 0.4, 0.4)
    assert "will take 0.40 GiB, more than cache.max_gib=0.4" in caplog.text


def test_runs_that_differ_above_the_cached_layers_share(warm: Any, tmp_path: Path) -> None:
    once = [KEPT, "trainer.max_epochs=1"]
    first = trained(warm, tmp_path / "first", *once, "data.max_rows.val=9").read()["cache"]
    values = sum(path.stat().st_size for path in (tmp_path / "cache" / "states").rglob("values.bin"))
    assert first["bytes"] == values > 0
    heads = ["optimizer.head_lr=0.01", "model.dropout=0.3", "data.batch_size=16"]
    second = trained(warm, tmp_path / "second", *once, *heads).read()["cache"]
    assert first["entries"] == second["hits"] < second["entries"]


def test_in_bf16_scores_stay_close_and_nothing_is_shared_with_fp32(warm: Any, kept: RunFolder, tmp_path: Path) -> None:
    half = [*changes_of(kept), "trainer.precision=bf16"]
    plain = trained(warm, tmp_path / "plain", *half)
    other = trained(warm, kept.path.with_name("half"), KEPT, *half)
    assert (other.read()["cache"]["dtype"], other.read()["cache"]["hits"]) == ("bf16", 0)
    losses = [[row["val/loss"] for row in val_scores(run)] for run in (plain, other)]
    assert losses[0] == pytest.approx(losses[1], abs=0.01)


@pytest.mark.parametrize("lost", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["cache kept", "cache lost"])
def test_killed_and_resumed_equals_uninterrupted(warm: Any, kept: RunFolder, tmp_path: Path, lost: bool) -> None:
    settings = [KEPT, *changes_of(kept)]
    trained(warm, tmp_path / "killed", *settings, kill_at=31)
    if lost:
        shutil.rmtree(tmp_path / "cache" / "states")
    resumed = trained(warm, tmp_path / "killed", *settings, f"resume={tmp_path / 'killed'}")
    assert val_scores(resumed) == val_scores(kept)
    a, b = (torch.load(run.last, weights_only=True)["state_dict"] for run in (kept, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert resumed.read()["metrics"]["test"] == kept.read()["metrics"]["test"]
    record = resumed.read()["cache"]
    assert record["hits"] == (0 if lost else record["entries"])


def test_a_second_test_works_without_the_cache(warm: Any, kept: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(kept.path, tmp_path / "run"))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    trained(warm, run.path, KEPT, *changes_of(kept), f"test={run.path}")
    assert (tmp_path / "cache" / "states").is_dir(), "computed again, beside the run"
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_cache_that_is_too_small_is_refused_before_anything_is_computed(warm: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*SETTINGS, f"cache.dir={tmp_path / 'cache'}", KEPT, "cache.max_gib=0.0001"]) != 0
    assert run.read()["status"] == "failed"
    assert "cache.max_gib=1" in run.read()["reason"]
    assert not list((tmp_path / "cache").glob("states/*"))


def test_an_architecture_without_cacheable_layers_is_refused_before_training(warm: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*SETTINGS, KEPT, "model.architecture.model_type=mpnet"]) != 0
    assert "position bias" in run.read()["reason"]
    assert not run.last.exists()
