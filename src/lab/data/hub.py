"""Data sets by name: from the hub, from its cache when it cannot be reached, or a local folder in the hub's layout.

Class indices become their names. What the hub's client, its cache and the builders raise ends in one line that says
what to do without a network. Cost: what `datasets` takes to download and convert, once.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.data.cache import mark_used
from lab.data.files import quiet
from lab.data.tables import Table
from lab.errors import Mistake, RequestError
from lab.schema import Hub, Imdb, Squad

_PROBE_S = 5


def load_splits(data: Hub | Imdb | Squad, config: str | None, cache: Path) -> dict[str, Table]:
    """Tables of the splits `data.splits` names. Raises RequestError with every split that cannot be had."""
    import datasets

    assert data.path is not None, "no name to ask the hub for"
    asked = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    local = Path(data.path).expanduser()
    copies = cache / "files" / hashlib.sha256(str(local.resolve()).encode()).hexdigest()[:32]
    options: dict[str, Any] = {"cache_dir": str(copies)} if local.is_dir() else {"revision": data.revision}
    found: dict[str, Table] = {}
    mistakes: list[Mistake] = []
    cut = not local.is_dir() and not _reachable(data.path)
    for split, name in asked.items():
        if name is None:
            continue
        try:
            with quiet(), _offline(cut):
                loaded = datasets.load_dataset(
                    str(local) if local.is_dir() else data.path, config, split=name, **options
                )
        except Exception as error:  # noqa: BLE001  the client, its cache and the builders raise what they like
            mistakes.append(_explained(error, data, split, name))
            continue
        names = {column: kind.names for column, kind in loaded.features.items() if hasattr(kind, "names")}
        found[split] = Table(loaded, names)
    if mistakes:
        raise RequestError(dict.fromkeys(mistakes))
    mark_used(copies)
    return found


def _reachable(name: str) -> bool:
    """Whether the hub answers at all. Asked once and briefly, because `datasets` tries for 20 s to reach one."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(name, timeout=_PROBE_S)
    except HfHubHTTPError:
        return True
    except Exception:  # noqa: BLE001  no network shows in many types, some of the hub's own HTTP library
        return False
    return True


@contextlib.contextmanager
def _offline(cut: bool) -> Iterator[None]:
    """Let `datasets` look into its cache only while `cut`, as with HF_HUB_OFFLINE=1."""
    import datasets
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if cut:
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _explained(error: Exception, data: Hub | Imdb | Squad, split: str, name: str) -> Mistake:
    reason = " ".join(str(error).split())
    if isinstance(error, ValueError) and "split" in reason.lower():
        return Mistake(f"data.splits.{split}", reason, f"data.splits.{split}=NAME", name)
    if isinstance(error, ValueError) and "config" in reason.lower():
        return Mistake("data.config", reason, "data.config=NAME")
    remedy = "data.path=FOLDER of a local copy, or data=csv data.path=FILE for a file of your own"
    problem = "is neither in the local cache nor can it be had from the hub"
    return Mistake("data.path", f"{problem} ({type(error).__name__}: {reason[:200]})", remedy, data.path)
