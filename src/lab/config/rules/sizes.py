"""Sizes that no run can have, of a network that is built from `model.architecture`, and of names of files.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake

KEY = "model.architecture"
MOST = {
    **dict.fromkeys(("num_hidden_layers", "n_layers", "num_hidden_groups", "inner_group_num"), 1_000),
    **dict.fromkeys(("num_attention_heads", "n_heads", "type_vocab_size"), 1_000),
    **dict.fromkeys(("hidden_size", "dim", "embedding_size", "intermediate_size", "hidden_dim"), 1_000_000),
    **dict.fromkeys(("max_position_embeddings", "vocab_size"), 100_000_000),
}
"""Largest sizes, by their names in transformers' configs."""
SHARES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "seq_classif_dropout",
          "qa_dropout", "classifier_dropout", "classifier_dropout_prob")  # fmt: skip
WIDTHS = (("hidden_size", "num_attention_heads"), ("dim", "n_heads"))
LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes, on Linux's file systems."""
PATHS = ("data.path", "data.train", "data.val", "data.test", "data.test_ids", "model.path", "model.checkpoint",
         "cache.dir", "resume", "test", "sweep.azure.file", "sweep.study", "run_name")  # fmt: skip


def _architecture(given: Mapping[str, Any] | None) -> Found:
    sound = dict(given or {})
    for name, value in (given or {}).items():
        if name in MOST and not (_is_whole(value) and 0 < value <= MOST[name]):
            instead = 128 if name in ("hidden_size", "dim", "embedding_size") else 2
            yield Mistake(f"{KEY}.{name}", f"must be a whole number from 1 to {MOST[name]}", f"{KEY}.{name}={instead}",
                          "null" if value is None else value)  # fmt: skip
            sound.pop(name)
        elif name in SHARES and value is not None and not (_is_number(value) and 0 <= value < 1):
            yield Mistake(f"{KEY}.{name}", "must be at least 0 and less than 1", f"{KEY}.{name}=0.1", value)
    for width, heads in WIDTHS:
        if width in sound and heads in sound and sound[width] % sound[heads]:
            fitting = next(number for number in range(sound[heads], 0, -1) if sound[width] % number == 0)
            problem = f"does not divide {KEY}.{width}={sound[width]}, which is split equally among the heads"
            yield Mistake(f"{KEY}.{heads}", problem, f"{KEY}.{heads}={fitting}", sound[heads])


def stated_sizes(architecture: Mapping[str, Any] | None, names: Iterable[str]) -> list[int]:
    """Return the sizes of an architecture under these names, in their order. Values that are no size are left out: the
    rule of this module reports them."""
    stated = [architecture[name] for name in names if name in architecture] if architecture else []
    return [value for value in stated if _is_whole(value)]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _path_of(key: str) -> Rule:
    def rule(value: Any) -> Found:
        for path in value if isinstance(value, list | tuple) else (value,):
            if isinstance(path, str) and (problem := unusable(path)):
                yield Mistake(key, problem, "a shorter name", path)

    return ((key,), rule)


def unusable(path: str) -> str | None:
    """Return the reason why no file can have this name, or None."""
    if "\0" in path:
        return "contains a NUL byte, which no file name may contain"
    lengths = [len(os.fsencode(part)) for part in path.split("/")]
    if max(lengths) > LONGEST_NAME:
        return f"has a name of {max(lengths)} bytes; at most {LONGEST_NAME} are possible"
    total = len(os.fsencode(path))
    return f"is a path of {total} bytes; at most {LONGEST_PATH} are possible" if total > LONGEST_PATH else None


RULES: tuple[Rule, ...] = (((KEY,), _architecture), *map(_path_of, PATHS))
