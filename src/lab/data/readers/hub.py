"""Data sets by name: from the hub, from its cache if the hub cannot be reached, or from a local folder in its layout.

Class indices become class names. Every error of the hub's client, its cache and the builders becomes one line that says
what to do without a network. The Arrow copy of a local folder is an entry of the cache with checksums. Cost: the time
that `datasets` takes to download and convert, once.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.config.schema import Hub, Imdb, Squad
from lab.core.errors import Mistake, RequestError
from lab.data.cache.store import make_entry
from lab.data.readers.text_files import ROWS, quiet
from lab.data.readers.text_table import Table

_PROBE_S = 5


def load_splits(data: Hub | Imdb | Squad, config: str | None, cache: Path) -> dict[str, Table]:
    """Return the tables of the splits that `data.splits` names. Raises RequestError naming every split that fails."""
    import datasets

    assert data.path is not None, "no name of a data set"
    requested = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    local = Path(data.path).expanduser()
    tables: dict[str, Table] = {}
    mistakes: list[Mistake] = []
    offline = not local.is_dir() and not _reachable(data.path)
    for split, name in requested.items():
        if name is None:
            continue
        try:
            with quiet(), _cache_only(offline):
                loaded = (
                    _local_split(local, config, name, cache)
                    if local.is_dir()
                    else datasets.load_dataset(data.path, config, split=name, revision=data.revision)
                )
        except Exception as error:  # noqa: BLE001  the client, its cache and the builders raise errors of any type
            mistakes.append(_explained(error, data, split, name))
            continue
        features = {column: getattr(item, "feature", item) for column, item in loaded.features.items()}  # lists too
        names = {column: feature.names for column, feature in features.items() if hasattr(feature, "names")}
        tables[split] = Table(loaded, names)
    if mistakes:
        raise RequestError(dict.fromkeys(mistakes))
    return tables


def _local_split(local: Path, config: str | None, name: str, cache: Path) -> Any:
    """A split of a local folder, from a copy that is made once per state of its files."""
    import datasets

    def fill(aside: Path) -> None:
        build = aside / "build"
        loaded = datasets.load_dataset(str(local), config, split=name, cache_dir=str(build))
        with pa.ipc.new_stream(aside / ROWS, loaded.features.arrow_schema) as writer:
            for batch in loaded.data.to_batches():
                writer.write_batch(batch)
        del loaded
        shutil.rmtree(build)

    stats = [(path.relative_to(local), path.stat()) for path in sorted(local.rglob("*")) if path.is_file()]
    files = [(path.as_posix(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats]
    digest = hashlib.sha256(repr((str(local.resolve()), config, name, files)).encode()).hexdigest()[:32]
    make_entry(cache / "files" / digest, fill)
    return datasets.Dataset.from_file(str(cache / "files" / digest / ROWS))


def _reachable(name: str) -> bool:
    """Return whether the hub answers. One short request, because `datasets` tries for 20 s per data set."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(name, timeout=_PROBE_S)
    except HfHubHTTPError:
        return True
    except Exception:  # noqa: BLE001  a missing network raises many types, some of the hub's own HTTP library
        return False
    return True


@contextlib.contextmanager
def _cache_only(offline: bool) -> Iterator[None]:
    """If `offline`, make `datasets` read its cache only, as HF_HUB_OFFLINE=1 does."""
    import datasets
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if offline:
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
    problem = "is not in the local cache and cannot be read from the hub"
    return Mistake("data.path", f"{problem} ({type(error).__name__}: {reason[:200]})", remedy, data.path)
