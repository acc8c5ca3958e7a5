"""Models of W&B: artifacts, `wandb:ENTITY/PROJECT/NAME:VERSION`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wandb import Artifact


def fetch(address: str, target: Path) -> None:
    """Download an artifact into a folder. Raises OSError in W&B's words, ImportError without wandb."""
    from wandb.errors import Error

    try:
        _artifact(address).download(root=str(target))
    except (Error, ValueError) as error:
        raise OSError(str(error)) from error


def version(address: str) -> str:
    """Return the version that an address names now. Raises as `fetch` does."""
    return str(_artifact(address).version)


def _artifact(address: str) -> "Artifact":
    import wandb
    from wandb.errors import Error

    try:
        return wandb.Api().artifact(address.removeprefix("wandb:"))
    except (Error, ValueError) as error:
        raise OSError(str(error)) from error
