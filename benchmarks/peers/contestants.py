"""Who takes part: what each is installed from, and what a person types for the same work.

The files of `typed/NAME` and these commands are all that is typed. Each works in a folder with train.csv, val.csv,
test.csv and new.csv (test.csv without its labels), columns `text` and `category`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TYPED = Path(__file__).parent / "typed"
WIDTH = 80
HERE = "here"
"""The environment of this project, in which some peers are installed."""
_DATA = (
    "python train.py data=csv data.train=train.csv data.val=val.csv data.test=test.csv 'data.text=[text]' "
    "'data.labels=[category]' logger=csv hydra.run.dir=outputs/run model={model}"
)
_FINE = "data.batch_size=32 optimizer.lr=1e-4 trainer.max_epochs={epochs}"
_TRAINER = (
    "python train.py --output_dir out --num_train_epochs {epochs} --per_device_train_batch_size 32 "
    "--learning_rate 1e-4 --weight_decay 0.01 --warmup_steps 0.1 --eval_strategy epoch --save_strategy epoch "
    "--load_best_model_at_end --metric_for_best_model f1_macro --report_to none --seed 42"
)


@dataclass(frozen=True)
class Contestant:
    """A peer, or a model of lab.

    environment: a name of `ENVIRONMENTS`, or `HERE`. files: folder of `typed`, or null. train, predict, misspelt and
    resume: commands of bash. misspelt: `train` with a wrong letter in the name of a setting; where a setting stands
    in a file, the command is preceded by the change. wrong: that name. checkpoint: pattern of the file after which the
    training is killed. continues: `resume` is more than `train` once more. predictions: file of the labels. settings:
    values of what stands in braces in the commands. quick: the same with `--quick`.
    """

    title: str
    environment: str
    files: str | None
    train: str
    predict: str
    misspelt: str
    resume: str
    checkpoint: str = "outputs/run/checkpoints/last.ckpt"
    continues: bool = True
    predictions: str = "predictions.csv"
    wrong: str = "lrr"
    settings: Mapping[str, str] = field(default_factory=dict)
    quick: Mapping[str, str] = field(default_factory=dict)

    def command(self, kind: str, quick: bool) -> str:
        """A command with its settings filled in."""
        text: str = getattr(self, kind)
        for name, value in (self.quick if quick else self.settings).items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def lines(self) -> int:
        """Lines typed to train and to predict: those of the files that are neither empty nor comments, and the two
        commands, each line of at most `WIDTH` characters."""
        typed = [self.command("train", False), self.command("predict", False)]
        for path in sorted((TYPED / self.files).rglob("*.*")) if self.files else []:
            if path.suffix in (".py", ".yaml"):
                typed += path.read_text(encoding="utf-8").splitlines()
        return sum(math.ceil(len(line) / WIDTH) for line in typed if line.strip() and not line.strip().startswith("#"))


def _lab(model: str, fine: str = "") -> Contestant:
    train = f"{_DATA} {fine}".strip().replace("{model}", model)
    epochs = {"epochs": "3"} if fine else {}
    return Contestant(
        f"lab, `model={model}`", HERE, None, train,
        "python predict.py run=outputs/run input=new.csv output=predictions.csv",
        f"{train} optimizer.lrr=1e-3", "python train.py resume=outputs/run",
        settings=epochs, quick={"epochs": "2"} if fine else {},
    )  # fmt: skip


CONTESTANTS: dict[str, Contestant] = {
    "lab_auto": _lab("auto"),
    "lab_tiny": _lab("tiny"),
    "lab_minilm": _lab("minilm", _FINE),
    "trainer": Contestant(
        "transformers' Trainer, MiniLM", HERE, "trainer", _TRAINER,
        "python predict.py out/best new.csv predictions.csv",
        _TRAINER.replace("--learning_rate", "--learning_ratee"),
        f"{_TRAINER} --resume_from_checkpoint last", wrong="learning_ratee",
        checkpoint="out/checkpoint-*/trainer_state.json", settings={"epochs": "3"}, quick={"epochs": "2"},
    ),
    "lightning_hydra": Contestant(
        "Lightning + Hydra by hand, MiniLM", HERE, "lightning_hydra", "python train.py trainer.max_epochs={epochs}",
        "python predict.py outputs/run/checkpoints/best.ckpt new.csv predictions.csv",
        "python train.py trainer.max_epochs={epochs} model.lrr=1e-3",
        "python train.py trainer.max_epochs={epochs} ckpt_path=outputs/run/checkpoints/last.ckpt",
        settings={"epochs": "3"}, quick={"epochs": "2"},
    ),
    "autogluon": Contestant(
        "AutoGluon (tabular)", "autogluon", "autogluon", "python train.py {seconds}",
        "python predict.py model new.csv predictions.csv",
        "sed -i 's/time_limit=/time_limt=/' train.py; python train.py {seconds}", "python train.py {seconds}",
        wrong="time_limt", checkpoint="model/models/*/model.pkl", continues=False,
        settings={"seconds": "60"}, quick={"seconds": "25"},
    ),
    "ludwig": Contestant(
        "Ludwig", "ludwig", "ludwig",
        "ludwig train --config config.yaml --training_set train.csv --validation_set val.csv --test_set test.csv "
        "--output_directory out",
        "ludwig predict --model_path out/experiment_run/model --dataset new.csv --output_directory predicted",
        "sed -i 's/learning_rate/learning_ratee/' config.yaml; ludwig train --config config.yaml "
        "--training_set train.csv --validation_set val.csv --test_set test.csv --output_directory out",
        "ludwig train --config config.yaml --training_set train.csv --validation_set val.csv --test_set test.csv "
        "--model_resume_path out/experiment_run",
        predictions="predicted/category_predictions.csv", checkpoint="out/experiment_run/model/training_checkpoints/*",
        wrong="learning_ratee",
    ),
}  # fmt: skip
