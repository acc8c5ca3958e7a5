"""optuna-dashboard on a study's storage: its server, read over HTTP, shows the trials with their real values."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

dashboard = pytest.importorskip("optuna_dashboard")

SWEEP = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  sampling_algorithm: {type: random, seed: 1}
  search_space:
    optimizer.lr: {type: loguniform, low: 1e-4, high: 1e-3}
    optimizer.weight_decay: {type: lognormal, mu: -3, sigma: 1}
    preset: {type: choice, values: [{data.batch_size: 8, seed: 1}, {data.batch_size: 16, seed: 2}]}
  limits: {max_total_trials: 2, max_concurrent_trials: 1}
"""
WORDS = ("status", "reason", "checkpoint", "controller", "claim")


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


@contextmanager
def served(storage: Any) -> Iterator[str]:
    with make_server("127.0.0.1", 0, dashboard.wsgi(storage), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def get_json(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("kind", ["journal", pytest.param("sqlite", marks=pytest.mark.slow)])
def test_it_lists_the_trials_with_their_real_values(toy: Any, kind: str) -> None:
    toy.write(SWEEP)
    overrides = ["sweep.storage=sqlite:///study.db"] if kind == "sqlite" else []
    code, out = toy.run(*overrides, epoch_s=0)
    assert code == 0, out
    assert (toy.folder / "journal.log").exists() == (kind == "journal")
    if kind == "journal":
        storage: Any = JournalStorage(
            JournalFileBackend(str(toy.folder / "journal.log"))
        )  # as the dashboard command opens it
    else:
        storage = RDBStorage("sqlite:///study.db")
    with served(storage) as address:
        (study,) = get_json(f"{address}/api/studies")["study_summaries"]
        assert study["study_name"] == "toy"
        trials = get_json(f"{address}/api/studies/{study['study_id']}")["trials"]
    assert [trial["state"] for trial in trials] == ["Complete", "Complete"]
    for trial in trials:
        number = trial["number"]
        command = toy.record(number)["command"].split()
        params = {item["name"]: item["param_external_value"] for item in trial["params"]}
        attributes = {
            item["key"]: json.loads(item["value"]) for item in trial["user_attrs"] if item["key"] not in WORDS
        }
        assert f"optimizer.lr={params['optimizer.lr']}" in command
        assert f"optimizer.weight_decay={attributes['optimizer.weight_decay']}" in command
        assert 0 < float(params["optimizer.weight_decay"]) < 1, "Optuna stores u"
        assert attributes["data.batch_size"] == {"0": 8, "1": 16}[params["preset"]]
        assert attributes["best_epoch"] == 2
        assert [item["value"] for item in trial["intermediate_values"]][attributes["best_interval"] - 1] == attributes[
            "best_value"
        ]
