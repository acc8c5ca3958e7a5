# Ten learning rates with ASHA: python search.py EPOCHS
import sys
from pathlib import Path

import torch
from lightning import Callback, Trainer, seed_everything
from module import Net, Texts
from ray import init, tune
from ray.tune.schedulers import ASHAScheduler

EPOCHS, HERE = int(sys.argv[1]), Path.cwd()
RATES = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0]


class Report(Callback):
    def on_validation_epoch_end(self, trainer, _):
        tune.report({"acc": float(trainer.callback_metrics["val/acc"])})


def trial(config):
    torch.set_num_threads(1)
    seed_everything(42)
    trainer = Trainer(
        max_epochs=EPOCHS, accelerator="cpu", callbacks=[Report()], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(Net(lr=config["lr"]), Texts(str(HERE)))


init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": str(HERE)}})
scheduler = ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=3)
tuner = tune.Tuner(
    tune.with_resources(trial, {"cpu": 1}),
    param_space={"lr": tune.grid_search(RATES)},
    tune_config=tune.TuneConfig(metric="acc", mode="max", scheduler=scheduler),
    run_config=tune.RunConfig(name="search", storage_path=str(HERE / "results")),
)
results = tuner.fit()
results.get_dataframe().to_csv("trials.csv", index=False)
