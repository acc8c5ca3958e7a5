"""Models of W&B: artifacts, `wandb:ENTITY/PROJECT/NAME:VERSION`."""

from pathlib import Path


def fetch(address: str, target: Path) -> None:
    """Download an artifact into a folder. Raises OSError in W&B's words, ImportError without wandb."""
    import wandb
    from wandb.errors import Error

    try:
        wandb.Api().artifact(address.removeprefix("wandb:")).download(root=str(target))
    except (Error, ValueError) as error:
        raise OSError(str(error)) from error
