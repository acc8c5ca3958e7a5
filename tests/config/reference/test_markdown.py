"""The page of all keys."""

from lab.config.reference.markdown import markdown


def test_the_reference_lists_every_kind_with_the_defaults_of_conf() -> None:
    text = markdown()
    for line in (
        "## data=csv", "## model=tiny", "## peft=qlora", "## logger=wandb,csv",
        "| `data.batch_size` | int | `32` | Rows of a training batch. |",
        "| `trainer.min_epochs` | int | `0` | Epochs that early stopping and `max_time` wait for. |",
        "| `sweep.confirm.top_k` | int |  | Number of best configurations that are trained again. |",
    ):  # fmt: skip
        assert line in text, line
